import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { ownUid } from "../../../daemon/keys/key-file-access.ts";
import { isKeyName, KeyFolder } from "../../../daemon/keys/key-folder.ts";
import { fingerprint, sharedKey } from "../../../daemon/protocol/keys.ts";
import { modeOf, scratchFolder } from "../../support/folder.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);
const K = sharedKey(nodeSuite, KEY);
const FINGERPRINT = fingerprint(nodeSuite, K);

describe("the key folder", () => {
  const scratch = scratchFolder();
  let keys: KeyFolder;
  const open = (owner = ownUid()) => new KeyFolder({ folder: join(scratch.path, "keys"), suite: nodeSuite, random: (bytes) => pattern(bytes), owner });

  beforeEach(() => {
    keys = open();
  });

  it("is made with the first key: 0600 in 0700", () => {
    assert.equal(keys.generate("team"), FINGERPRINT);
    assert.equal(modeOf(keys.folder), 0o700);
    assert.equal(modeOf(join(keys.folder, "team")), 0o600);
    sameBytes(readFileSync(join(keys.folder, "team")), KEY);
  });

  it("says how to get a key that is missing, in commands to paste", () => {
    assert.throws(() => keys.load("team-mysql"), {
      message: `there is no key "team-mysql": "tunneld keys import team-mysql FILE" takes in the far end's, "tunneld keys generate team-mysql" makes one`,
    });
    assert.throws(() => keys.load("$(reboot)"), /: "tunneld keys import NAME FILE" takes in/);
  });

  it("has no keys while it does not exist", () => {
    assert.deepEqual(keys.list(), []);
    assert.equal(
      codeOf(() => keys.load("team")),
      "KEY_NOT_FOUND",
    );
  });

  it("gives a key as K, the hash of its file's bytes", () => {
    keys.importKey("team", { form: "bytes", bytes: KEY });
    const { key, fingerprint: shown, source } = keys.load("team");
    sameBytes(key, K);
    assert.deepEqual([shown, source], [FINGERPRINT, "team"]);
  });

  it("lists keys by name and fingerprint, and says why a key can't be used", () => {
    keys.generate("b");
    writeFileSync(join(keys.folder, "a"), "short", { mode: 0o600 });
    writeFileSync(join(keys.folder, ".hidden"), KEY, { mode: 0o600 });
    assert.deepEqual(
      keys.list().map(({ name, fingerprint: shown, fault }) => [name, shown, fault?.code]),
      [
        ["a", undefined, "KEY_WEAK"],
        ["b", FINGERPRINT, undefined],
      ],
    );
  });

  it("names the nearest key when one is not there", () => {
    keys.generate("team-redis");
    assert.match(errorOf(() => keys.load("team-redsi")).message, /did you mean "team-redis"/);
  });

  for (const name of ["../keys/team", "..", ".", "", "a/b", "a\\b", "/etc/passwd", "a\0b", "-rf", ".hidden", "a.", "NUL", "com1.key", "x".repeat(65)]) {
    it(`has no key called ${JSON.stringify(name)}, and takes none`, () => {
      assert.equal(isKeyName(name), false);
      assert.equal(
        codeOf(() => keys.load(name)),
        "KEY_NOT_FOUND",
      );
      assert.equal(
        codeOf(() => keys.generate(name)),
        "CONFIG_INVALID",
      );
      assert.equal(keys.forget(name), false);
    });
  }

  it("never overwrites a key", () => {
    keys.generate("team");
    assert.equal(
      codeOf(() => keys.importKey("team", { form: "bytes", bytes: pattern(40) })),
      "CONFIG_INVALID",
    );
    assert.equal(keys.load("team").fingerprint, FINGERPRINT);
  });

  it("exports a key's bytes to a new file of mode 0600, and never over another", () => {
    keys.generate("team");
    const path = join(scratch.path, "copy.key");
    sameBytes(keys.exportKey("team", path), KEY);
    sameBytes(readFileSync(path), KEY);
    assert.equal(modeOf(path), 0o600);
    assert.equal(
      codeOf(() => keys.exportKey("team", path)),
      "CONFIG_INVALID",
    );
  });

  it("forgets a key; when it is a link, leaves the link's target alone", () => {
    keys.generate("team");
    const victim = scratch.file("victim", "precious");
    symlinkSync(victim, join(keys.folder, "link"));
    assert.deepEqual([keys.forget("team"), keys.forget("team"), keys.forget("link")], [true, false, true]);
    assert.deepEqual(readdirSync(keys.folder), []);
    assert.equal(readFileSync(victim, "utf8"), "precious");
  });

  it("refuses a weak key and keeps nothing of it", () => {
    assert.equal(
      codeOf(() => keys.importKey("weak", { form: "bytes", bytes: pattern(31) })),
      "KEY_WEAK",
    );
    assert.equal(existsSync(join(keys.folder, "weak")), false);
  });

  describe("on a system with modes and owners", () => {
    before(function () {
      if (process.platform === "win32") this.skip();
    });

    it("is refused when others may enter it", () => {
      keys.generate("team");
      chmodSync(keys.folder, 0o750);
      const error = errorOf(() => keys.load("team"));
      assert.equal(error.code, "KEY_PERMISSIONS");
      assert.match(error.message, /chmod 700/);
      assert.equal(
        codeOf(() => keys.list()),
        "KEY_PERMISSIONS",
      );
      assert.equal(
        codeOf(() => keys.generate("other")),
        "KEY_PERMISSIONS",
      );
    });

    it("is refused when it belongs to another user", () => {
      keys.generate("team");
      const foreign = open((ownUid() ?? 0) + 1);
      assert.equal(
        codeOf(() => foreign.load("team")),
        "KEY_PERMISSIONS",
      );
    });

    it("is refused when it is a file", () => {
      scratch.file("keys", "");
      assert.equal(
        codeOf(() => keys.list()),
        "KEY_PERMISSIONS",
      );
      assert.equal(
        codeOf(() => keys.generate("team")),
        "KEY_PERMISSIONS",
      );
    });

    it("does not take a key that others can read, or that is a link", () => {
      mkdirSync(keys.folder, { mode: 0o700 });
      scratch.file("keys/open", KEY, 0o644);
      symlinkSync(scratch.file("victim", KEY), join(keys.folder, "link"));
      assert.equal(
        codeOf(() => keys.load("open")),
        "KEY_PERMISSIONS",
      );
      assert.equal(
        codeOf(() => keys.load("link")),
        "KEY_PERMISSIONS",
      );
    });
  });
});
