/** Key files that are links: which chains are followed, which are refused, and where a rotation is noticed. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ownUid, readOwnKeyFile } from "../../../daemon/keys/key-file-access.ts";
import { foldersBehind } from "../../../daemon/keys/key-file-link.ts";
import { scratchFolder } from "../../support/folder.ts";
import { SecretVolume } from "../../support/process/secret-volume.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);
const OWNER = ownUid();

describe("a key file that is a link", () => {
  const folder = scratchFolder();
  const at = (...names: string[]): string => join(folder.path, ...names);
  const read = (path: string): Uint8Array => readOwnKeyFile(path, OWNER, { links: true }).bytes;
  const refusal = (path: string): string => {
    const { code, message } = errorOf(() => read(path));
    assert.equal(code, "KEY_PERMISSIONS", message);
    return message;
  };

  it("is followed through a Kubernetes Secret, and shown by a path that outlives rotations", () => {
    const volume = new SecretVolume(at("secret"), { file: 0o600 });
    volume.write({ key: KEY });
    const { bytes, realPath } = readOwnKeyFile(volume.file("key"), OWNER, { links: true });
    sameBytes(bytes, KEY);
    assert.equal(realPath, volume.file("key"));
    volume.write({ key: pattern(32, 7) });
    const after = readOwnKeyFile(volume.file("key"), OWNER, { links: true });
    sameBytes(after.bytes, pattern(32, 7));
    assert.equal(after.realPath, volume.file("key"));
  });

  it("is followed when it is absolute and stays in its folder", () => {
    folder.file("sub/real", KEY);
    symlinkSync(at("sub", "real"), at("link"));
    sameBytes(read(at("link")), KEY);
  });

  for (const [what, target] of [
    ["a relative way", "../outside"],
    ["an absolute way", "OUTSIDE"],
    ["a folder that is a link itself", "escape/outside"],
    ["a way out and in again", "../inside/key"],
  ] as const) {
    it(`is refused when it leads out of its folder by ${what}`, () => {
      folder.file("outside", KEY);
      folder.file("inside/key", KEY);
      symlinkSync(folder.path, at("inside", "escape"));
      symlinkSync(target === "OUTSIDE" ? at("outside") : target, at("inside", "link"));
      assert.match(refusal(at("inside", "link")), /leads out of its folder/);
    });
  }

  it("is refused when others can write to its folder, or to one on the way", () => {
    folder.file("open/sub/key", KEY);
    symlinkSync("sub/key", at("open", "link"));
    chmodSync(at("open"), 0o777);
    assert.match(refusal(at("open", "link")), /other users can write to the folder .*open/);
    chmodSync(at("open"), 0o755);
    chmodSync(at("open", "sub"), 0o775);
    assert.match(refusal(at("open", "link")), /other users can write to the folder .*sub/);
    chmodSync(at("open", "sub"), 0o755);
    sameBytes(read(at("open", "link")), KEY);
  });

  it("leads to a file that is judged like any other", () => {
    folder.file("real", KEY, 0o644);
    symlinkSync("real", at("link"));
    assert.match(refusal(at("link")), /can be read by other users/);
    mkdirSync(at("folder"));
    symlinkSync("folder", at("to-folder"));
    assert.match(refusal(at("to-folder")), /a folder/);
  });

  it("is refused when it leads in a circle, and not found when it leads nowhere", () => {
    symlinkSync("b", at("a"));
    symlinkSync("a", at("b"));
    refusal(at("a"));
    symlinkSync("nothing", at("c"));
    assert.equal(
      codeOf(() => read(at("c"))),
      "KEY_NOT_FOUND",
    );
  });

  it("is refused where links are not allowed", () => {
    folder.file("real", KEY);
    symlinkSync("real", at("link"));
    assert.equal(
      codeOf(() => readOwnKeyFile(at("link"), OWNER)),
      "KEY_PERMISSIONS",
    );
  });

  it("is watched in every folder that holds a link of its chain", () => {
    mkdirSync(at("mnt", "inner"), { recursive: true });
    folder.file("mnt/inner/real/key", KEY);
    symlinkSync("inner", at("mnt", "..data"));
    symlinkSync("../..data/real/key", at("mnt", "inner", "key"));
    symlinkSync("mnt", at("secrets"));
    const folders = foldersBehind(at("secrets", "inner", "key"));
    for (const name of [["secrets", "inner"], ["mnt"], ["mnt", "inner"], ["mnt", "inner", "real"]]) assert.ok(folders.includes(at(...name)), name.join("/"));
    assert.ok(folders.includes(folder.path), "the folder of the link above");
  });
});

describe("a key file that others may read", () => {
  const folder = scratchFolder();

  for (const mode of [0o644, 0o444, 0o640, 0o755]) {
    it(`is taken with mode ${mode.toString(8)} when it is said to be shared`, () => {
      sameBytes(readOwnKeyFile(folder.file("k", KEY, mode), OWNER, { shared: true }).bytes, KEY);
    });
  }

  for (const mode of [0o666, 0o620, 0o602]) {
    it(`is refused with mode ${mode.toString(8)} even then: others could replace the key`, () => {
      const error = errorOf(() => readOwnKeyFile(folder.file("k", KEY, mode), OWNER, { shared: true }));
      assert.equal(error.code, "KEY_PERMISSIONS");
      assert.match(error.message, /can be written by other users: chmod go-w/);
    });
  }

  it("is taken with mode 640 when its group is one of the service's own, and refused when it is another group", () => {
    const path = folder.file("k", KEY, 0o640);
    const gid = process.getgid?.() ?? 0;
    sameBytes(readOwnKeyFile(path, OWNER, { groups: [gid] }).bytes, KEY);
    if (gid !== 0)
      assert.equal(
        codeOf(() => readOwnKeyFile(path, OWNER, { groups: [] })),
        "KEY_PERMISSIONS",
      );
    assert.equal(
      codeOf(() => readOwnKeyFile(folder.file("k2", KEY, 0o644), OWNER, { groups: [gid] })),
      "KEY_PERMISSIONS",
    );
  });
});
