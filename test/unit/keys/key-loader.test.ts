import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { KeyFolder } from "../../../daemon/keys/key-folder.ts";
import { createKeyLoader, type KeyLoader } from "../../../daemon/keys/key-loader.ts";
import { SessionKeys } from "../../../daemon/keys/session-keys.ts";
import { fingerprint, sharedKey } from "../../../daemon/protocol/keys.ts";
import { scratchFolder } from "../../support/folder.ts";
import { SecretVolume } from "../../support/process/secret-volume.ts";
import { pattern } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const shownOf = (seed: number): string => fingerprint(nodeSuite, sharedKey(nodeSuite, pattern(32, seed)));

describe("a key as an entry names it", () => {
  const scratch = scratchFolder();
  let session: SessionKeys;
  let folder: KeyFolder;
  let loader: KeyLoader;
  const workspace = () => join(scratch.path, "app");

  beforeEach(() => {
    session = new SessionKeys(nodeSuite);
    folder = new KeyFolder({ folder: join(scratch.path, "keys"), suite: nodeSuite, random: (bytes) => pattern(bytes, 1) });
    loader = createKeyLoader({ suite: nodeSuite, folder, session, home: join(scratch.path, "home") });
    mkdirSync(workspace());
  });

  it("by name comes from the key folder", () => {
    folder.generate("team");
    const { fingerprint: shown, source, file } = loader.load("team", workspace());
    assert.deepEqual([shown, source, file], [shownOf(1), "team", undefined]);
  });

  it("by name comes from the session rather than the folder", () => {
    folder.generate("team");
    session.put("team", { form: "bytes", bytes: pattern(32, 2) });
    assert.equal(loader.load("team", workspace()).fingerprint, shownOf(2));
  });

  it("by path is found from the workspace folder, from home, and from the root", () => {
    scratch.file("app/a.key", pattern(32, 1));
    scratch.file("home/keys/b.key", pattern(32, 2));
    const c = scratch.file("c.key", pattern(32, 3));
    for (const [file, seed, real] of [
      ["a.key", 1, join(workspace(), "a.key")],
      ["./sub/../a.key", 1, join(workspace(), "a.key")],
      ["~/keys/b.key", 2, join(scratch.path, "home/keys/b.key")],
      [c, 3, c],
    ] as const) {
      const loaded = loader.load({ file }, workspace());
      assert.deepEqual([loaded.fingerprint, loaded.source, loaded.file], [shownOf(seed), real, real]);
    }
  });

  it("by a relative path does not leave the workspace folder, neither by .. nor by a link", () => {
    scratch.file("home/.ssh/id", pattern(32, 1));
    symlinkSync(join(scratch.path, "home", ".ssh"), join(workspace(), "keys"));
    for (const file of ["../home/.ssh/id", "keys/id", "sub/../../home/.ssh/id", ".", ".."]) {
      assert.equal(
        codeOf(() => loader.load({ file }, workspace())),
        "KEY_PERMISSIONS",
        file,
      );
    }
  });

  it("by a relative path works in a workspace that is opened through a link", () => {
    scratch.file("app/a.key", pattern(32, 1));
    symlinkSync(workspace(), join(scratch.path, "link"));
    assert.equal(loader.load({ file: "a.key" }, join(scratch.path, "link")).file, join(workspace(), "a.key"));
  });

  it("in the home of another user is not looked for", () => {
    assert.equal(
      codeOf(() => loader.load({ file: "~root/key" }, workspace())),
      "KEY_NOT_FOUND",
    );
  });

  it("that is not there says so, with its name", () => {
    assert.match(errorOf(() => loader.load({ file: "no.key" }, workspace())).message, /no\.key/);
    assert.equal(
      codeOf(() => loader.load("team", workspace())),
      "KEY_NOT_FOUND",
    );
  });

  it("may be a link of a mounted secret, approved by a path that outlives rotations", () => {
    const volume = new SecretVolume(join(scratch.path, "secret"), { file: 0o600 });
    volume.write({ key: pattern(32, 1) });
    const { file, fingerprint: shown } = loader.load({ file: volume.file("key") }, workspace());
    assert.deepEqual([file, shown], [volume.file("key"), shownOf(1)]);
  });

  it("may be a file that others can read when the entry says that it is shared", () => {
    scratch.file("app/a.key", pattern(32, 1), 0o644);
    const { shared, fingerprint: shown } = loader.load({ file: "a.key", shared: true }, workspace());
    assert.deepEqual([shared, shown], [true, shownOf(1)]);
  });

  it("is otherwise never a file that others can read", () => {
    scratch.file("app/a.key", pattern(32, 1), 0o644);
    assert.equal(
      codeOf(() => loader.load({ file: "a.key" }, workspace())),
      "KEY_PERMISSIONS",
    );
  });
});
