/** Whether a path lies in a folder. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { isInside } from "../../../shared/path-inside.ts";

describe("a path", () => {
  const folder = resolve("/srv/shop");

  for (const inside of [".", "a", "a/b", "..a", "...", "a/../b"]) {
    it(`${inside} lies in the folder`, () => {
      assert.equal(isInside(resolve(folder, inside), folder), true);
    });
  }

  for (const outside of ["..", "../shop2", "../../etc", "/", "/srv"]) {
    it(`${outside} does not lie in the folder`, () => {
      assert.equal(isInside(resolve(folder, outside), folder), false);
    });
  }
});
