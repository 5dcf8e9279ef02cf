/**
 * X25519 on both suites: the vectors of RFC 7748, points of low order, and encodings beyond the field.
 *
 * Sources: RFC 7748, 5.2 and 6.1 · the list of low-order points of cr.yp.to/ecdh.html, "How do I validate …"
 */
import assert from "node:assert/strict";
import { fromHex, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { NOISE_SUITES } from "../../support/wire/suites.ts";

/** RFC 7748, 5.2: scalar, u-coordinate, result. */
const MULTIPLICATIONS = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
] as const;

const LOW_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
] as const;

for (const suite of NOISE_SUITES)
  describe(`X25519 on the ${suite.name} suite`, () => {
    for (const [scalar, point, result] of MULTIPLICATIONS)
      it(`gives RFC 7748's result ${result.slice(0, 8)}…`, () => {
        assert.equal(toHex(suite.x25519Shared(fromHex(scalar), fromHex(point)) ?? new Uint8Array(0)), result);
      });

    it("gives RFC 7748's result of a thousand steps", () => {
      let scalar: Uint8Array = fromHex("0900000000000000000000000000000000000000000000000000000000000000");
      let point = scalar;
      for (let step = 0; step < 1_000; step++) {
        const next = suite.x25519Shared(scalar, point) ?? assert.fail();
        point = scalar;
        scalar = next;
      }
      assert.equal(toHex(scalar), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
    });

    it("gives both sides the same secret", () => {
      const [one, other] = [pattern(32, 1), pattern(32, 2)];
      const shared = suite.x25519Shared(one, suite.x25519Public(other)) ?? assert.fail();
      sameBytes(suite.x25519Shared(other, suite.x25519Public(one)) ?? assert.fail(), shared);
    });

    for (const point of LOW_ORDER)
      it(`refuses the point of low order ${point.slice(0, 8)}…, also with its unused bit set`, () => {
        const bytes = fromHex(point);
        const withBit = Uint8Array.from(bytes, (byte, index) => (index === 31 ? byte | 0x80 : byte));
        for (const one of [bytes, withBit]) assert.equal(suite.x25519Shared(pattern(32), one), undefined);
      });

    it("leaves the keys that it was given alone", () => {
      const [key, peer] = [pattern(32, 1), suite.x25519Public(pattern(32, 2))];
      const copy = Uint8Array.from(peer);
      suite.x25519Shared(key, peer);
      sameBytes(key, pattern(32, 1));
      sameBytes(peer, copy);
    });
  });

describe("X25519 of both suites", () => {
  it("agrees on coordinates beyond the field and with the unused bit set", () => {
    const [one, other] = NOISE_SUITES;
    assert.ok(one && other);
    for (let index = 0; index < 40; index++) {
      const point = Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 0xed + (index % 19) : at === 31 ? (index % 2 ? 0xff : 0x7f) : 0xff));
      const key = pattern(32, index + 1);
      const a: Uint8Array | undefined = one.x25519Shared(key, point);
      const b: Uint8Array | undefined = other.x25519Shared(key, point);
      assert.equal(a && toHex(a), b && toHex(b), toHex(point));
    }
  });
});
