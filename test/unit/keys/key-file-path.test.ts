import assert from "node:assert/strict";
import { keyFilePath } from "../../../daemon/keys/key-loader.ts";
import { codeOf } from "../../support/wire/codes.ts";

const AT = { workspaceFolder: "/srv/shop", home: "/home/me" } as const;

describe("the path of an entry's key file", () => {
  it("counts from the home folder after ~, and from the workspace otherwise", () => {
    assert.equal(keyFilePath("~/keys/redis.key", AT), "/home/me/keys/redis.key");
    assert.equal(keyFilePath("keys/redis.key", AT), "/srv/shop/keys/redis.key");
    assert.equal(keyFilePath("/etc/redis.key", AT), "/etc/redis.key");
  });

  for (const file of ["\\\\evil.example.com\\share\\key", "//evil.example.com/share/key", "\\/evil.example.com/key"]) {
    it(`is refused on Windows when it leads to another machine: ${file}`, () => {
      assert.equal(
        codeOf(() => keyFilePath(file, { ...AT, platform: "win32" })),
        "KEY_PERMISSIONS",
      );
    });
  }
});
