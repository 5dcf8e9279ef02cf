/** The pid file of spiped in the background: its content, and that nobody ever reads half of it. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writePidFile } from "../../../daemon/programs/pid-file.ts";
import { scratchFolder } from "../../support/folder.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { watchWrites } from "../../support/writes.ts";

describe("writePidFile", () => {
  const folder = scratchFolder();

  it("writes the number of this process and leaves no other file", () => {
    writePidFile(join(folder.path, "pid"));
    assert.equal(readFileSync(join(folder.path, "pid"), "utf8"), String(process.pid));
    assert.deepEqual(readdirSync(folder.path), ["pid"]);
  });

  it("makes the file appear only when all of it is written", () => {
    const seen = watchWrites(() => readdirSync(folder.path).includes("pid"));
    writePidFile(join(folder.path, "pid"));
    assert.deepEqual(seen.end(), [false]);
  });

  it("leaves the file of an earlier run unchanged for a program that has it open", () => {
    const old = openSync(folder.file("pid", "4711"), "r");
    writePidFile(join(folder.path, "pid"));
    assert.equal(readFileSync(old, "utf8"), "4711");
    closeSync(old);
    assert.equal(readFileSync(join(folder.path, "pid"), "utf8"), String(process.pid));
  });

  it("writes to the target of a link, and keeps the link", () => {
    const target = folder.file("elsewhere", "");
    symlinkSync(target, join(folder.path, "pid"));
    writePidFile(join(folder.path, "pid"));
    assert.equal(readFileSync(target, "utf8"), String(process.pid));
    assert.deepEqual(readdirSync(folder.path).toSorted(), ["elsewhere", "pid"]);
  });

  it("does not replace a device", () => {
    symlinkSync("/dev/null", join(folder.path, "pid"));
    writePidFile(join(folder.path, "pid"));
    assert.equal(readFileSync("/dev/null", "utf8"), "");
    assert.deepEqual(readdirSync(folder.path), ["pid"]);
  });

  it("adds no file when a folder is in its place", () => {
    writeFileSync(folder.file("pid/inside", ""), "");
    assert.equal(
      codeOf(() => writePidFile(join(folder.path, "pid"))),
      "CONFIG_INVALID",
    );
    assert.deepEqual(readdirSync(folder.path), ["pid"]);
  });
});
