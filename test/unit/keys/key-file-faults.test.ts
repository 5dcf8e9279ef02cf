/** Key files on a file system that fails: every error of the system has a code, a cause and a cure, and nothing is left behind. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { readKeyFile } from "../../../daemon/keys/key-file.ts";
import { readOwnKeyFile } from "../../../daemon/keys/key-file-access.ts";
import { writeNewKeyFile } from "../../../daemon/keys/key-file-write.ts";
import { KeyFolder } from "../../../daemon/keys/key-folder.ts";
import { ownGroups } from "../../../daemon/keys/own-groups.ts";
import { failFs, mendFs, replaceFs } from "../../support/failing-fs.ts";
import { scratchFolder } from "../../support/folder.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);
const UID = process.getuid?.();

describe("a key file on a file system that fails", () => {
  const folder = scratchFolder();
  const path = (name = "k"): string => join(folder.path, name);
  // Before the folder is removed, which is scratchFolder's hook and comes later.
  afterEach(mendFs);

  for (const [code, expected, says] of [
    ["EACCES", "CONFIG_INVALID", /may not write/],
    ["EPERM", "CONFIG_INVALID", /may not write/],
    ["EROFS", "CONFIG_INVALID", /may not write/],
    ["ENOTDIR", "CONFIG_INVALID", /folder of .* does not exist/],
    ["ENOSPC", "STATE_NOT_SAVED", /the disk is full/],
    ["EDQUOT", "STATE_NOT_SAVED", /the disk is full/],
    ["EIO", "STATE_NOT_SAVED", /EIO/],
  ] as const)
    it(`is not written, and says why, for ${code}`, () => {
      failFs("openSync", code, (_, flags) => flags === "wx");
      const error = errorOf(() => writeNewKeyFile(path(), KEY));
      assert.equal(error.code, expected);
      assert.match(error.message, says);
      mendFs();
      assert.deepEqual(readdirSync(folder.path), []);
    });

  it("is not left half written when the disk fills up", () => {
    failFs("writeFileSync", "ENOSPC");
    assert.equal(
      codeOf(() => writeNewKeyFile(path(), KEY)),
      "STATE_NOT_SAVED",
    );
    mendFs();
    assert.deepEqual(readdirSync(folder.path), []);
  });

  for (const code of ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"])
    it(`is written where the file system has no links (${code}), and replaces nothing there either`, () => {
      failFs("linkSync", code);
      writeNewKeyFile(path(), KEY);
      assert.equal(
        codeOf(() => writeNewKeyFile(path(), KEY)),
        "CONFIG_INVALID",
      );
      sameBytes(readFileSync(path()), KEY);
      assert.deepEqual(readdirSync(folder.path), ["k"]);
    });

  it("is not written when a link fails for another reason", () => {
    failFs("linkSync", "EXDEV");
    assert.equal(
      codeOf(() => writeNewKeyFile(path(), KEY)),
      "STATE_NOT_SAVED",
    );
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it("is taken back when the disk fails to keep its name", () => {
    failFs("openSync", "EIO", (opened) => opened === folder.path);
    assert.equal(
      codeOf(() => writeNewKeyFile(path(), KEY)),
      "STATE_NOT_SAVED",
    );
    mendFs();
    assert.deepEqual(readdirSync(folder.path), []);
  });

  it("is written where the system can't sync a folder", () => {
    failFs("openSync", "EINVAL", (opened) => opened === folder.path);
    writeNewKeyFile(path(), KEY);
    sameBytes(readFileSync(path()), KEY);
  });

  for (const [code, expected, says] of [
    ["EACCES", "KEY_PERMISSIONS", /may not read/],
    ["EPERM", "KEY_PERMISSIONS", /may not read/],
    ["EIO", "KEY_NOT_FOUND", /can't be read/],
    ["ENOTDIR", "KEY_NOT_FOUND", /there is no key file/],
  ] as const)
    it(`is not read, and says why, for ${code}, by the drop-in and by the daemon`, () => {
      writeFileSync(path(), KEY, { mode: 0o600 });
      failFs("readFileSync", code, (read) => read === path());
      failFs("openSync", code, (opened) => opened === path());
      for (const read of [() => readKeyFile(nodeSuite, path()), () => readOwnKeyFile(path(), UID)]) {
        const error = errorOf(read);
        assert.equal(error.code, expected);
        assert.match(error.message, says);
      }
    });

  for (const code of ["ELOOP", "EMLINK"])
    it(`is a link for the daemon when the system says ${code}`, () => {
      writeFileSync(path(), KEY, { mode: 0o600 });
      failFs("openSync", code, (opened) => opened === path());
      assert.match(errorOf(() => readOwnKeyFile(path(), UID)).message, /is a symbolic link/);
    });

  it("is read from standard input by the drop-in, or says that it can't be", () => {
    replaceFs("readFileSync", (original, args) => (args[0] === 0 ? Buffer.from(KEY) : original(...args)));
    sameBytes(readKeyFile(nodeSuite, "-").key, nodeSuite.sha256(KEY));
    mendFs();
    failFs("readFileSync", "EAGAIN", (read) => read === 0);
    assert.match(errorOf(() => readKeyFile(nodeSuite, "-")).message, /the key from standard input can't be read/);
  });

  it("that is replaced again and again while it is read is given up", () => {
    writeFileSync(path(), KEY, { mode: 0o600 });
    let looks = 0;
    replaceFs("lstatSync", (original, args) => {
      const stat = original(...args) as { ino: number } | undefined;
      if (args[0] === realpathSync(path()) && stat) {
        looks += 1;
        stat.ino += 1;
      }
      return stat;
    });
    assert.match(errorOf(() => readOwnKeyFile(path(), UID)).message, /was replaced while it was read: try again/);
    assert.equal(looks, 3);
  });

  it("whose end can't be read is not taken for a shorter key", () => {
    writeFileSync(path(), KEY, { mode: 0o600 });
    failFs("readSync", "EIO");
    assert.equal(
      codeOf(() => readOwnKeyFile(path(), UID)),
      "KEY_NOT_FOUND",
    );
  });

  if (process.geteuid)
    it("of root is for a service in its group, and of anybody else is not", () => {
      writeFileSync(path(), KEY, { mode: 0o440 });
      const warnings = (uid: number, gid: number): string[] => {
        replaceFs("statSync", (original, args) => Object.assign(original(...args) as object, args[0] === path() ? { uid, gid } : {}));
        const codes = readKeyFile(nodeSuite, path()).warnings.map(({ code, message }) => `${code} ${/chmod 600|mount it/.exec(message)?.[0]}`);
        mendFs();
        return codes;
      };
      const original = process.geteuid as () => number;
      process.geteuid = () => 4_321;
      try {
        assert.deepEqual(warnings(0, 0), [], "root trusts root's group");
        assert.deepEqual(warnings(0, ownGroups()[0] ?? -1), []);
        assert.deepEqual(warnings(0, 65_000), ["KEY_PERMISSIONS mount it"]);
        assert.deepEqual(warnings(77, 0), ["KEY_PERMISSIONS mount it"]);
        assert.deepEqual(warnings(4_321, 0), ["KEY_PERMISSIONS chmod 600"]);
      } finally {
        process.geteuid = original;
      }
    });
});

describe("the key folder on a file system that fails", () => {
  const scratch = scratchFolder();
  afterEach(mendFs);
  const open = (): KeyFolder => new KeyFolder({ folder: join(scratch.path, "keys"), suite: nodeSuite, random: (bytes) => pattern(bytes) });

  it("says that it can't be looked at, listed or made", () => {
    const keys = open();
    failFs("mkdirSync", "EACCES");
    assert.match(errorOf(() => keys.generate("a")).message, /can't be made: EACCES/);
    mendFs();
    keys.generate("a");
    failFs("statSync", "EACCES", (looked) => looked === keys.folder);
    assert.match(errorOf(() => keys.list()).message, /can't be read: EACCES/);
    mendFs();
    failFs("readdirSync", "EIO");
    assert.match(errorOf(() => keys.list()).message, /can't be read: EIO/);
  });

  it("keeps a key that can't be removed as it was", () => {
    const keys = open();
    keys.generate("a");
    failFs("renameSync", "EROFS");
    assert.equal(
      codeOf(() => keys.forget("a")),
      "STATE_NOT_SAVED",
    );
    mendFs();
    assert.equal(keys.list().length, 1);
    assert.deepEqual(readdirSync(keys.folder), ["a"]);
  });

  it("removes a key that can't be overwritten first", () => {
    const keys = open();
    keys.generate("a");
    failFs("writeSync", "EIO");
    assert.equal(keys.forget("a"), true);
    assert.deepEqual(readdirSync(keys.folder), []);
  });

  it("leaves a folder alone that has a key's name", () => {
    const keys = open();
    keys.generate("a");
    mkdirSync(join(keys.folder, "b"));
    assert.match(errorOf(() => keys.forget("b")).message, /it is a folder, remove it yourself/);
    assert.ok(statSync(join(keys.folder, "b")).isDirectory());
  });

  it("that is no folder is refused", () => {
    writeFileSync(join(scratch.path, "keys"), "a file");
    assert.match(errorOf(() => open().list()).message, /should be the key folder and is none/);
  });
});
