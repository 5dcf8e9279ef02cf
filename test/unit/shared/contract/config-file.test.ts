import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { localConfigPath, readConfig, sharedPath, workspaceFolderOf } from "../../../../shared/contract/config-file.ts";
import { scratchFolder } from "../../../support/folder.ts";
import { entryText, fileText } from "../../../support/tunnels-json.ts";

const GOOD = fileText({ cache: entryText() });

describe("a configuration on the disk", () => {
  const scratch = scratchFolder();
  const path = () => join(scratch.path, ".vscode", "tunnels.json");

  it("is the shared file, overridden by the personal one", () => {
    scratch.file(".vscode/tunnels.json", GOOD);
    scratch.file(".vscode/tunnels.local.json", fileText({ cache: '{ "listen": 7777 }' }));
    const { entries, problems } = readConfig(path());
    assert.deepEqual([entries.get("cache")?.listen, problems], [7777, []]);
    assert.equal(localConfigPath(path()), join(scratch.path, ".vscode", "tunnels.local.json"));
  });

  it("that is not there has no entries, and a problem that says so", () => {
    const { entries, problems, broken } = readConfig(path());
    assert.deepEqual([entries.size, broken, problems.length, problems[0]?.path], [0, false, 1, path()]);
  });

  it("counts offsets behind a byte order mark, as editors do", () => {
    scratch.file(".vscode/tunnels.json", '\ufeff{ "version": 3 }');
    assert.equal(readConfig(path()).problems[0]?.offset, 13);
  });

  for (const [what, content] of [
    ["of more than 256 KiB", " ".repeat(256 * 1024 + 1)],
    ["that is not UTF-8", Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)],
  ] as const) {
    it(`${what} is broken, in one problem`, () => {
      scratch.file(".vscode/tunnels.json", content);
      const { broken, problems, entries } = readConfig(path());
      assert.deepEqual([broken, problems.length, entries.size], [true, 1, 0]);
    });
  }

  it("is not used when its personal file can't be read", () => {
    scratch.file(".vscode/tunnels.json", GOOD);
    mkdirSync(localConfigPath(path()));
    const { broken, entries, problems } = readConfig(path());
    assert.deepEqual([broken, entries.size, problems[0]?.path], [true, 0, localConfigPath(path())]);
  });

  it("that is a named pipe or a device doesn't hold us up", function () {
    if (process.platform === "win32") this.skip();
    mkdirSync(join(scratch.path, ".vscode"));
    execFileSync("mkfifo", [path()]);
    symlinkSync("/dev/zero", localConfigPath(path()));
    const { broken, problems } = readConfig(path());
    assert.deepEqual([broken, problems.length], [true, 2]);
  });

  it("is what an open editor shows, whatever the disk has", () => {
    scratch.file(".vscode/tunnels.json", GOOD);
    const texts = new Map([
      [path(), fileText({ other: entryText() })],
      [localConfigPath(path()), fileText({ other: '{ "listen": 7777 }' })],
    ]);
    const { entries, problems } = readConfig(path(), { texts });
    assert.deepEqual([[...entries].map(([name, { listen }]) => [name, listen]), problems], [[["other", 7777]], []]);
  });

  it("exists when only an editor has it, even if it is empty there", () => {
    const { broken, problems } = readConfig(path(), { texts: new Map([[path(), ""]]) });
    assert.deepEqual([broken, problems.map(({ message }) => message)], [true, ['the file is empty: write { "version": 1, "tunnels": { } }']]);
  });

  it("counts relative paths from the folder that has .vscode, or from its own", () => {
    assert.equal(workspaceFolderOf("/srv/app/.vscode/tunnels.json"), "/srv/app");
    assert.equal(workspaceFolderOf("/home/me/.config/tunnels.json"), "/home/me/.config");
  });

  it("has one path for windows and commands: on Windows with a small drive letter", () => {
    assert.equal(sharedPath("C:\\src\\shop\\.vscode\\tunnels.json", "win32"), "c:\\src\\shop\\.vscode\\tunnels.json");
    for (const path of ["c:\\src", "\\\\server\\Share"]) assert.equal(sharedPath(path, "win32"), path);
    assert.equal(sharedPath("/C:/src", "linux"), "/C:/src");
  });
});
