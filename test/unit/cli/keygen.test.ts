/** New keys: their content and mode, and that nothing is ever overwritten or left half written. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKey } from "../../../daemon/cli/keygen.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { fingerprint, sharedKey } from "../../../daemon/protocol/keys.ts";
import { stageForEach } from "../../support/stage.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { temporaryFolder } from "../../support/wire/peer.ts";
import { SUITES } from "../../support/wire/suites.ts";
import { watchWrites } from "../../support/writes.ts";

for (const suite of SUITES) {
  describe(`generateKey on the ${suite.name} suite`, () => {
    const scope = stageForEach();
    const tools = { suite, random: systemRandom };
    const file = (): string => join(temporaryFolder(scope), "key");

    it("writes the 32 random bytes that it gets", () => {
      const path = file();
      generateKey(path, { suite, random: (bytes) => pattern(bytes, 9) });
      sameBytes(readFileSync(path), pattern(32, 9));
    });

    it("makes the file appear only when all of it is written", () => {
      const path = file();
      const seen = watchWrites(() => existsSync(path));
      generateKey(path, tools);
      assert.deepEqual(seen.end(), [false]);
    });

    it("lets only the owner read and write the file", () => {
      const path = file();
      generateKey(path, tools);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });

    it("gives the fingerprint of the key in the file", () => {
      const path = file();
      assert.equal(generateKey(path, tools), fingerprint(suite, sharedKey(suite, readFileSync(path))));
    });

    it("wipes the key's bytes in memory", () => {
      const drawn = pattern(32, 9);
      generateKey(file(), { suite, random: () => drawn });
      sameBytes(drawn, new Uint8Array(32));
    });

    it("never overwrites a file", () => {
      const path = file();
      writeFileSync(path, "precious");
      assert.equal(
        codeOf(() => generateKey(path, tools)),
        "CONFIG_INVALID",
      );
      assert.equal(readFileSync(path, "utf8"), "precious");
    });

    it("never follows a symbolic link, not even one that leads nowhere", () => {
      const folder = temporaryFolder(scope);
      symlinkSync(join(folder, "elsewhere"), join(folder, "key"));
      assert.equal(
        codeOf(() => generateKey(join(folder, "key"), tools)),
        "CONFIG_INVALID",
      );
      assert.equal(existsSync(join(folder, "elsewhere")), false);
    });

    it("refuses the path of a folder", () =>
      assert.equal(
        codeOf(() => generateKey(temporaryFolder(scope), tools)),
        "CONFIG_INVALID",
      ));

    it("refuses a path in a folder that does not exist, and does not make the folder", () => {
      const folder = temporaryFolder(scope);
      assert.equal(
        codeOf(() => generateKey(join(folder, "none", "key"), tools)),
        "CONFIG_INVALID",
      );
      assert.deepEqual(readdirSync(folder), []);
    });
  });
}
