import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearest } from "../../../shared/nearest.ts";

describe("nearest", () => {
  for (const [typed, meant] of [
    ["lisen", "listen"],
    ["lsiten", "listen"],
    ["Target", "target"],
    ["timeout", "timeoutSeconds"],
    ["forwardSecracy", "forwardSecrecy"],
  ] as const) {
    it(`takes ${typed} for ${meant}`, () => {
      assert.equal(nearest(typed, ["listen", "target", "timeoutSeconds", "forwardSecrecy"]), meant);
    });
  }

  it("names nothing when nothing is near", () => {
    assert.equal(nearest("password", ["listen", "target"]), undefined);
  });

  it("doesn't look at a name longer than any known one could be", () => {
    assert.equal(nearest("a".repeat(1_000_000), ["a".repeat(1_000_000)]), undefined);
  });

  it("counts a swap of neighbours as one edit", () => {
    assert.equal(editDistance("lsiten", "listen"), 1);
    assert.equal(editDistance("kitten", "sitting"), 3);
  });

  it("has an edit distance of 0 for the same text only, and the same distance both ways", () =>
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.equal(editDistance(a, b), editDistance(b, a));
      }),
    ));
});
