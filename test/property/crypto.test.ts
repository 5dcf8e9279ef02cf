/** The suites against independent implementations, on any layout. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { GROUP14_PRIME_BYTES, isBelowPrime } from "../../daemon/crypto/dh-group14.ts";
import { anySuite } from "../support/wire/arbitraries.ts";
import { be64, bytesOf, flipBit, join, numberOf, pattern, sameBytes } from "../support/wire/bytes.ts";
import { referenceCtr, referenceHmac } from "../support/wire/packets.ts";

const key = () => fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Packet numbers, often just before a carry. */
const sequence = () =>
  fc.oneof(
    fc.nat(),
    fc.integer({ min: 1, max: 40 }).map((before) => 2 ** 32 - before),
    fc.maxSafeNat().map((number) => Math.min(number, Number.MAX_SAFE_INTEGER - 64)),
  );
const layout = () =>
  fc
    .record({ count: fc.integer({ min: 0, max: 40 }), words: fc.integer({ min: 1, max: 300 }), gapWords: fc.integer({ min: 0, max: 12 }) })
    .map(({ count, words, gapWords }) => ({
      count,
      messageBytes: 4 * words,
      strideBytes: 4 * (words + gapWords),
    }));

describe("messageCipher", () => {
  it("is AES-256-CTR with the block be64(nonce) ‖ be64(index), on any layout and from any nonce", () =>
    fc.assert(
      fc.property(anySuite(), key(), sequence(), layout(), (suite, secret, first, batch) => {
        const buffer = pattern(batch.count * batch.strideBytes);
        const wanted = buffer.slice();
        for (let index = 0; index < batch.count; index++) {
          const at = index * batch.strideBytes;
          wanted.set(referenceCtr(secret, join(be64(first + index), be64(0)), buffer.subarray(at, at + batch.messageBytes)), at);
        }
        suite.messageCipher(secret).apply(buffer, first, batch);
        sameBytes(buffer, wanted);
      }),
      { numRuns: 80 },
    ));
});

describe("sequenceMac", () => {
  it("is HMAC-SHA256 over message and be64(number), for any size", () =>
    fc.assert(
      fc.property(anySuite(), key(), sequence(), fc.uint8Array({ minLength: 1, maxLength: 1200 }), (suite, secret, number, message) => {
        const buffer = join(message, new Uint8Array(32));
        suite.sequenceMac(secret, message.length).sign(buffer, number, { count: 1, messageBytes: message.length, strideBytes: buffer.length });
        sameBytes(buffer.subarray(message.length), referenceHmac(secret, message, be64(number)));
      }),
    ));

  it("refuses any single flipped bit of message or tag", () =>
    fc.assert(
      fc.property(anySuite(), key(), fc.nat({ max: 1060 * 8 - 1 }), (suite, secret, bit) => {
        const message = pattern(1028);
        const good = join(message, referenceHmac(secret, message, be64(7)));
        const mac = suite.sequenceMac(secret, 1028);
        assert.equal(mac.firstInvalid(flipBit(good, bit), 7, { count: 1, messageBytes: 1028, strideBytes: 1060 }), 0);
      }),
    ));
});

describe("isBelowPrime", () => {
  const prime = numberOf(GROUP14_PRIME_BYTES);
  it("compares as numbers do", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.bigInt({ min: 0n, max: 2n ** 2048n - 1n }),
          fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map((off) => prime + off),
        ),
        (value) => {
          const inRange = value >= 2n ** 2048n ? 2n ** 2048n - 1n : value;
          assert.equal(isBelowPrime(bytesOf(inRange, 256)), inRange < prime);
        },
      ),
      { numRuns: 300 },
    ));
});
