/** Reading key files: what is refused, and what is only warned about. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readKeyFile } from "../../../daemon/keys/key-file.ts";
import { stageForEach } from "../../support/stage.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";
import { temporaryFolder } from "../../support/wire/peer.ts";
import { SUITES } from "../../support/wire/suites.ts";

for (const suite of SUITES) {
  describe(`readKeyFile on the ${suite.name} suite`, () => {
    const scope = stageForEach();

    const keyFile = (content: Uint8Array, mode = 0o600): string => {
      const path = join(temporaryFolder(scope), "key");
      writeFileSync(path, content);
      chmodSync(path, mode);
      return path;
    };
    const warningsOf = (path: string) => readKeyFile(suite, path).warnings.map((warning) => warning.code);

    it("makes K of all bytes of the file", () => sameBytes(readKeyFile(suite, keyFile(pattern(5_000))).key, suite.sha256(pattern(5_000))));

    it("gives no warning about 32 bytes that only their owner can read", () => assert.deepEqual(warningsOf(keyFile(pattern(32))), []));

    for (const size of [0, 1, 31]) it(`warns about ${size} bytes`, () => assert.deepEqual(warningsOf(keyFile(pattern(size))), ["KEY_WEAK"]));

    it("still takes an empty file, as spiped does", () => sameBytes(readKeyFile(suite, keyFile(pattern(0))).key, suite.sha256(pattern(0))));

    for (const mode of [0o640, 0o604, 0o620, 0o644, 0o601]) {
      it(`warns about mode ${mode.toString(8)}`, () => assert.deepEqual(warningsOf(keyFile(pattern(32), mode)), ["KEY_PERMISSIONS"]));
    }

    for (const mode of [0o400, 0o700]) it(`does not warn about mode ${mode.toString(8)}`, () => assert.deepEqual(warningsOf(keyFile(pattern(32), mode)), []));

    it("takes /dev/null with a warning about its size only", () => assert.deepEqual(warningsOf("/dev/null"), ["KEY_WEAK"]));

    it("says KEY_NOT_FOUND when there is no such file", () => {
      assert.equal(
        codeOf(() => readKeyFile(suite, join(temporaryFolder(scope), "none"))),
        "KEY_NOT_FOUND",
      );
    });

    it("says KEY_NOT_FOUND when a folder in the path is a file", () => {
      assert.equal(
        codeOf(() => readKeyFile(suite, join(keyFile(pattern(32)), "key"))),
        "KEY_NOT_FOUND",
      );
    });

    it("says KEY_NOT_FOUND for a folder, and that it is one", () => {
      const error = errorOf(() => readKeyFile(suite, temporaryFolder(scope)));
      assert.equal(error.code, "KEY_NOT_FOUND");
      assert.match(error.message, /folder/);
    });

    if (process.getuid?.() !== 0) {
      it("says KEY_PERMISSIONS when this user may not read it", () => {
        assert.equal(
          codeOf(() => readKeyFile(suite, keyFile(pattern(32), 0o000))),
          "KEY_PERMISSIONS",
        );
      });
    }

    it("has nothing of the key in its warnings", () => {
      const path = keyFile(pattern(20, 3), 0o644);
      const { key, warnings } = readKeyFile(suite, path);
      assert.equal(warnings.length, 2);
      const said = warnings.map((warning) => warning.message).join("\n");
      for (const secret of [key, pattern(20, 3)]) assert.equal(said.includes(Buffer.from(secret).toString("hex").slice(0, 8)), false);
    });
  });
}
