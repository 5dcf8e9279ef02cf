/** Which build is newer: after a mistake here two clients would replace each other's daemon for ever. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isNewer } from "../../../daemon/client/compare-versions.ts";

describe("isNewer", () => {
  for (const [a, b] of [
    ["0.1.0", "0.0.9"],
    ["0.0.10", "0.0.9"],
    ["0.10.0", "0.9.9"],
    ["1.0.0", "0.99.99"],
    ["10.0.0", "9.0.0"],
    ["0.1.0", "0.0.0-source"],
    ["0.1.1-beta", "0.1.0"],
    ["0.1.1", "0.1.0+build.7"],
  ] as const) {
    it(`says that ${a} is newer than ${b}, and not the other way round`, () => assert.deepEqual([isNewer(a, b), isNewer(b, a)], [true, false]));
  }

  for (const [a, b] of [
    ["0.1.0", "0.1.0"],
    ["0.1.0-beta", "0.1.0"],
    ["0.0.0-source", "0.0.0"],
    ["", "0.1.0"],
    ["latest", "0.1.0"],
    ["1.2", "0.1.0"],
    ["v1.2.3", "0.1.0"],
    ["-1.0.0", "0.1.0"],
  ] as const) {
    it(`says that neither "${a}" nor ${b} is newer`, () => assert.deepEqual([isNewer(a, b), isNewer(b, a)], [false, false]));
  }

  it("never says that each of two versions is newer than the other", () => {
    const version = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join("."));
    fc.assert(fc.property(version, version, (a, b) => assert.equal(isNewer(a, b) && isNewer(b, a), false)));
  });

  it("orders versions by their numbers", () => {
    const part = fc.nat(2);
    fc.assert(
      fc.property(part, part, part, part, part, part, (a, b, c, d, e, f) => {
        assert.equal(isNewer(`${a}.${b}.${c}`, `${d}.${e}.${f}`), a * 9 + b * 3 + c > d * 9 + e * 3 + f);
      }),
    );
  });
});
