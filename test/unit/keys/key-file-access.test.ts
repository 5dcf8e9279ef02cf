/** What a workspace may try with { "file": … }: the file system is real; for a foreign owner, the test claims to be another user. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ownUid, readOwnKeyFile } from "../../../daemon/keys/key-file-access.ts";
import { scratchFolder } from "../../support/folder.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);
const OWNER = ownUid();

describe("a key file", () => {
  const folder = scratchFolder();

  before(function () {
    if (process.platform === "win32") this.skip(); // Modes and owners mean nothing there.
  });

  it("is read with its real path", () => {
    const path = folder.file("redis.key", KEY);
    const { bytes, realPath } = readOwnKeyFile(path, OWNER);
    sameBytes(bytes, KEY);
    assert.equal(realPath, path);
  });

  it("is shown where it really is when a folder above it is a link", () => {
    folder.file("elsewhere/redis.key", KEY);
    symlinkSync(join(folder.path, "elsewhere"), join(folder.path, "keys"));
    assert.equal(readOwnKeyFile(join(folder.path, "keys", "redis.key"), OWNER).realPath, join(folder.path, "elsewhere", "redis.key"));
  });

  it("must not be a symbolic link", () => {
    folder.file("secret", KEY);
    symlinkSync(join(folder.path, "secret"), join(folder.path, "redis.key"));
    assert.equal(
      codeOf(() => readOwnKeyFile(join(folder.path, "redis.key"), OWNER)),
      "KEY_PERMISSIONS",
    );
  });

  for (const mode of [0o640, 0o604, 0o620, 0o601, 0o666]) {
    it(`is refused with mode ${mode.toString(8)}, which lets others in`, () => {
      const error = errorOf(() => readOwnKeyFile(folder.file("redis.key", KEY, mode), OWNER));
      assert.equal(error.code, "KEY_PERMISSIONS");
      assert.match(error.message, /chmod 600/);
    });
  }

  for (const mode of [0o600, 0o400, 0o700]) {
    it(`is taken with mode ${mode.toString(8)}`, () => {
      sameBytes(readOwnKeyFile(folder.file("redis.key", KEY, mode), OWNER).bytes, KEY);
    });
  }

  it("is refused when another user owns it", () => {
    const path = folder.file("redis.key", KEY);
    assert.equal(
      codeOf(() => readOwnKeyFile(path, (OWNER ?? 0) + 1)),
      "KEY_PERMISSIONS",
    );
  });

  it("has at least 32 bytes and at most 64 KiB", () => {
    assert.equal(
      codeOf(() => readOwnKeyFile(folder.file("a", pattern(31)), OWNER)),
      "KEY_WEAK",
    );
    assert.equal(
      codeOf(() => readOwnKeyFile(folder.file("b", pattern(64 * 1024 + 1)), OWNER)),
      "KEY_WEAK",
    );
    assert.equal(readOwnKeyFile(folder.file("c", pattern(64 * 1024)), OWNER).bytes.length, 64 * 1024);
  });

  it("must not be a folder, device, named pipe or socket, and none of these blocks us", async () => {
    mkdirSync(join(folder.path, "folder"), { mode: 0o700 });
    execFileSync("mkfifo", ["-m", "600", join(folder.path, "pipe")]);
    const server = createServer().listen(join(folder.path, "socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      for (const path of [join(folder.path, "folder"), join(folder.path, "pipe"), "/dev/zero"]) {
        assert.equal(
          codeOf(() => readOwnKeyFile(path, OWNER)),
          "KEY_PERMISSIONS",
          path,
        );
      }
      assert.equal(
        codeOf(() => readOwnKeyFile(join(folder.path, "socket"), OWNER)),
        "KEY_NOT_FOUND",
      );
    } finally {
      server.close();
    }
  });

  it("is not read from /proc, where files say they are empty", () => {
    assert.notEqual(
      codeOf(() => readOwnKeyFile("/proc/self/environ", OWNER)),
      undefined,
    );
  });

  it("that is not there is KEY_NOT_FOUND, without control characters of its name", () => {
    const error = errorOf(() => readOwnKeyFile(join(folder.path, "no\u001b[2J"), OWNER));
    assert.equal(error.code, "KEY_NOT_FOUND");
    assert.doesNotMatch(error.message, /\p{Cc}/u);
  });

  it("never shows its content in an error", () => {
    const text = "this-is-a-secret-of-many-characters-indeed";
    const path = folder.file("redis.key", text, 0o644);
    assert.ok(!errorOf(() => readOwnKeyFile(path, OWNER)).message.includes(text));
  });
});
