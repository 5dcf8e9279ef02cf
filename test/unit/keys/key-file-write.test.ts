/** New key files on a real file system: who may read them, and what they never replace. */
import assert from "node:assert/strict";
import { linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNewKeyFile } from "../../../daemon/keys/key-file-write.ts";
import { modeOf, scratchFolder } from "../../support/folder.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const KEY = pattern(32);

describe("a new private file", () => {
  const folder = scratchFolder();

  it("has mode 0600 and leaves nothing else behind", () => {
    writeNewKeyFile(join(folder.path, "k"), KEY);
    sameBytes(readFileSync(join(folder.path, "k")), KEY);
    assert.equal(modeOf(join(folder.path, "k")), 0o600);
    assert.deepEqual(readdirSync(folder.path), ["k"]);
  });

  it("never replaces a file, or the target of a link", () => {
    writeFileSync(join(folder.path, "old"), "old");
    symlinkSync(join(folder.path, "nowhere"), join(folder.path, "link"));
    linkSync(join(folder.path, "old"), join(folder.path, "hard"));
    for (const name of ["old", "link", "hard"])
      assert.equal(
        codeOf(() => writeNewKeyFile(join(folder.path, name), KEY)),
        "CONFIG_INVALID",
      );
    assert.equal(readFileSync(join(folder.path, "old"), "utf8"), "old");
    assert.deepEqual(readdirSync(folder.path).toSorted(), ["hard", "link", "old"]);
  });

  it("says that its folder is missing", () => {
    assert.match(errorOf(() => writeNewKeyFile(join(folder.path, "no", "k"), KEY)).message, /does not exist: create it/);
  });
});
