/** The log on disk: rotation, a full disk, two writers. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { LogFile, type LogFileOptions, type LogFiles } from "../../../daemon/lifecycle/log-file.ts";
import { stageForEach } from "../../support/stage.ts";

describe("the log file", () => {
  const stage = stageForEach();
  const path = (): string => stage.path("t.log");
  const read = (name = "t.log"): string => fs.readFileSync(stage.path(name), "utf8");

  function openLog(options: Partial<LogFileOptions> = {}): LogFile {
    const log = new LogFile({ path: path(), lossLine: (lost, reason) => `lost ${lost}: ${reason}`, ...options });
    stage.own(() => log.close());
    return log;
  }

  it("appends lines to an existing file, and has mode 0600", () => {
    openLog().write("one");
    openLog().write("two");
    assert.equal(read(), "one\ntwo\n");
    assert.equal(fs.statSync(path()).mode & 0o777, 0o600);
  });

  it("rotates by size and keeps the given number of files", () => {
    const log = openLog({ maxBytes: 10, maxFiles: 3 });
    for (const line of ["aaaaaa", "bbbbbb", "cccccc", "dddddd"]) log.write(line);
    assert.deepEqual(fs.readdirSync(stage.folder).sort(), ["t.log", "t.log.1", "t.log.2"]);
    assert.deepEqual([read(), read("t.log.1"), read("t.log.2")], ["dddddd\n", "cccccc\n", "bbbbbb\n"]);
  });

  it("counts the bytes of an earlier process", () => {
    openLog().write("aaaaaa");
    openLog({ maxBytes: 10 }).write("bbbbbb");
    assert.deepEqual([read(), read("t.log.1")], ["bbbbbb\n", "aaaaaa\n"]);
  });

  it("writes a line that is longer than the maximum file size", () => {
    const log = openLog({ maxBytes: 10 });
    log.write("x".repeat(20));
    assert.equal(read(), `${"x".repeat(20)}\n`);
  });

  it("goes on in the new file when another process has rotated", () => {
    const [mine, other] = [openLog({ maxBytes: 20 }), openLog({ maxBytes: 20 })];
    mine.write("mine 1");
    other.write("other 1");
    other.write("other 2");
    mine.write("mine 2");
    mine.write("mine 3");
    assert.equal(read("t.log.1"), "mine 1\nother 1\nmine 2\n");
    assert.equal(read(), "other 2\nmine 3\n");
  });

  it("goes on in the same file when it can't be renamed", () => {
    const log = openLog({
      maxBytes: 10,
      files: acted({
        rename: () => {
          throw fail("EACCES");
        },
      }),
    });
    for (const line of ["aaaaaa", "bbbbbb"]) log.write(line);
    assert.equal(read(), "aaaaaa\nbbbbbb\n");
  });

  it("survives a real full disk (/dev/full)", function () {
    if (!fs.existsSync("/dev/full")) this.skip();
    fs.symlinkSync("/dev/full", path());
    const log = openLog();
    log.write("one");
    log.write("two");
    assert.equal(log.lost, 2);
  });

  it("reports how many lines were lost on a full disk once it can write again", () => {
    let full = false;
    const log = openLog({
      files: acted({
        write: (file, bytes) => {
          if (full) throw fail("ENOSPC");
          return fs.writeSync(file, bytes);
        },
      }),
    });
    log.write("one");
    full = true;
    log.write("two");
    log.write("three");
    full = false;
    log.write("four");
    assert.equal(read(), "one\nlost 2: ENOSPC, acted\nfour\n");
    assert.equal(log.lost, 0);
  });

  it("begins a new line after a line that the disk cut short", () => {
    let room = 6;
    const log = openLog({
      files: acted({
        write: (file, bytes) => {
          if (room === 0) throw fail("ENOSPC");
          const written = fs.writeSync(file, bytes.subarray(0, room));
          room -= written;
          return written;
        },
      }),
    });
    log.write("one");
    log.write("two");
    room = 100;
    log.write("three");
    assert.equal(read(), "one\ntw\nlost 1: ENOSPC, acted\nthree\n");
  });

  it("opens the file when its folder exists again", () => {
    const log = openLog({ path: stage.path("later/t.log") });
    log.write("one");
    fs.mkdirSync(stage.path("later"));
    log.write("two");
    assert.match(read("later/t.log"), /^lost 1: ENOENT.*\ntwo\n$/);
  });

  it("writes nothing after it was closed", () => {
    const log = openLog();
    log.write("one");
    log.close();
    log.write("two");
    assert.equal(read(), "one\n");
  });
});

function fail(code: string): Error {
  return Object.assign(new Error(`${code}, acted`), { code });
}

/** The real file system, except for some operations. */
function acted(changes: Partial<LogFiles>): LogFiles {
  return {
    open: (path) => fs.openSync(path, "a", 0o600),
    write: (file, bytes) => fs.writeSync(file, bytes),
    stat: (file) => (typeof file === "number" ? fs.fstatSync(file) : fs.statSync(file)),
    rename: fs.renameSync,
    close: fs.closeSync,
    ...changes,
  };
}
