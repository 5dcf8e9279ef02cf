/**
 * AES-256-CTR with the counter block be64(nonce) ‖ be64(index). The reference is node:crypto's own counter mode,
 * which must first give NIST's vector; our cipher is then compared with it, and with known answers of the bare block.
 */
import assert from "node:assert/strict";
import { be64, fromHex, join, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { referenceCtr } from "../../support/wire/packets.ts";
import { SUITE_PAIRS, SUITES } from "../../support/wire/suites.ts";

/** NIST AESAVS, appendix B to E, and its zero key: AES-256 of the all-zero block, which is our first counter block. */
const ZERO_BLOCK_ANSWERS: readonly (readonly [string, string])[] = [
  ["00".repeat(32), "dc95c078a2408989ad48a21492842087"],
  ["c47b0294dbbbee0fec4757f22ffeee3587ca4730c3d33b691df38bab076bc558", "46f2fb342d6f0ab477476fc501242c5f"],
  ["28d46cffa158533194214a91e712fc2b45b518076675affd910edeca5f41ac64", "4bf3b0a69aeb6657794f2901b1440ad4"],
  [`80${"00".repeat(31)}`, "e35a6dcb19b201a01ebcfa8aa22b5759"],
];

interface Batch {
  readonly firstNonce: number;
  readonly count: number;
  readonly messageBytes: number;
  readonly strideBytes: number;
}

const key = pattern(32, 7);

/** The batch under the reference, gaps between the messages as they were. */
function expected(buffer: Uint8Array, { firstNonce, count, messageBytes, strideBytes }: Batch): Uint8Array {
  const result = Uint8Array.from(buffer);
  for (let index = 0; index < count; index++) {
    const start = index * strideBytes;
    const counterBlock = join(be64(BigInt(firstNonce) + BigInt(index)), be64(0));
    result.set(referenceCtr(key, counterBlock, buffer.subarray(start, start + messageBytes)), start);
  }
  return result;
}

describe("the reference for AES-256-CTR", () => {
  it("gives NIST SP 800-38A's vector F.5.5", () => {
    const text = `6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
                  30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`;
    const sealed = referenceCtr(
      fromHex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
      fromHex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
      fromHex(text),
    );
    assert.equal(
      toHex(sealed),
      toHex(fromHex("601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5 2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6")),
    );
  });
});

for (const suite of SUITES) {
  describe(`messageCipher of the ${suite.name} suite`, () => {
    for (const [keyHex, answer] of ZERO_BLOCK_ANSWERS) {
      it(`gives NIST's answer for the zero block under ${keyHex.slice(0, 8)}…`, () => {
        const block = new Uint8Array(16);
        suite.messageCipher(fromHex(keyHex)).apply(block, 0, { count: 1, messageBytes: 16, strideBytes: 16 });
        assert.equal(toHex(block), answer);
      });
    }

    const agrees = (cipher: ReturnType<typeof suite.messageCipher>, batch: Batch): void => {
      const buffer = pattern(batch.count * batch.strideBytes, batch.count + 1);
      const wanted = expected(buffer, batch);
      cipher.apply(buffer, batch.firstNonce, batch);
      sameBytes(buffer, wanted, JSON.stringify(batch));
    };
    const packets = { messageBytes: 1028, strideBytes: 1060 };

    it("counts from the nonce it is given", () => agrees(suite.messageCipher(key), { firstNonce: 12_345, count: 3, ...packets }));

    for (const count of [15, 16, 17, 32, 33, 70]) {
      it(`seals ${count} packets in one batch as it does one by one`, () => agrees(suite.messageCipher(key), { firstNonce: 5, count, ...packets }));
    }

    for (const before of [0, 1, 2, 15, 16, 17, 31]) {
      it(`carries the nonce past 2^32 when ${before} packets of a batch lie before it`, () => {
        agrees(suite.messageCipher(key), { firstNonce: 2 ** 32 - before, count: 34, ...packets });
      });
    }

    it("stays right before and after a batch that passes 2^32", () => {
      const cipher = suite.messageCipher(key);
      for (const [firstNonce, count] of [[2 ** 32 - 40, 17] as const, [2 ** 32 - 23, 40] as const, [2 ** 32 + 17, 20] as const, [3, 20] as const]) {
        agrees(cipher, { firstNonce, count, ...packets });
      }
    });

    it("starts again below 2^32 after a batch that ended above it", () => {
      const cipher = suite.messageCipher(key);
      agrees(cipher, { firstNonce: 2 ** 32 - 3, count: 6, ...packets });
      agrees(cipher, { firstNonce: 3, count: 16, ...packets });
    });

    it("carries from one upper half to the next at 2^33 and 2^52", () => {
      // A layout made just below 2^32 for a short batch must not stand for the nonces beyond it in the next one.
      const [past, below, other] = [suite.messageCipher(key), suite.messageCipher(key), suite.messageCipher(key)];
      agrees(past, { firstNonce: 2 ** 32 + 5, count: 1, ...packets });
      agrees(below, { firstNonce: 2 ** 32 - 10, count: 1, ...packets });
      agrees(other, { firstNonce: 5, count: 64, ...packets });
      for (const edge of [2 ** 33, 2 ** 52]) agrees(suite.messageCipher(key), { firstNonce: edge - 2, count: 5, ...packets });
    });

    it("takes the largest packet number there can be", () => {
      agrees(suite.messageCipher(key), { firstNonce: Number.MAX_SAFE_INTEGER - 1, count: 2, ...packets });
    });

    it("lays its counters out again when the message size changes", () => {
      const cipher = suite.messageCipher(key);
      for (const messageBytes of [1028, 16, 4, 1024, 20, 1028, 8192, 32, 1028]) {
        agrees(cipher, { firstNonce: 9, count: 20, messageBytes, strideBytes: messageBytes + 32 });
      }
    });

    it("is not disturbed by another cipher used in between", () => {
      const [mine, other] = [suite.messageCipher(key), suite.messageCipher(key)];
      agrees(mine, { firstNonce: 0, count: 2, ...packets });
      agrees(other, { firstNonce: 2 ** 40, count: 3, messageBytes: 48, strideBytes: 48 });
      agrees(mine, { firstNonce: 2, count: 2, ...packets });
    });

    it("leaves the bytes between and behind the messages alone", () => {
      const buffer = pattern(3 * 1060);
      suite.messageCipher(key).apply(buffer, 0, { count: 2, ...packets });
      for (const [from, to] of [[1028, 1060] as const, [2088, 2120] as const, [2120, 3180] as const]) {
        sameBytes(buffer.subarray(from, to), pattern(3 * 1060).subarray(from, to));
      }
    });

    it("works on a view that does not begin its buffer", () => {
      const whole = pattern(12 + 2 * 1060);
      const wanted = expected(whole.slice(12), { firstNonce: 1, count: 2, ...packets });
      suite.messageCipher(key).apply(whole.subarray(12), 1, { count: 2, ...packets });
      sameBytes(whole, join(pattern(12 + 2 * 1060).subarray(0, 12), wanted));
    });

    it("changes nothing for no messages", () => {
      const buffer = pattern(1060);
      suite.messageCipher(key).apply(buffer, 0, { count: 0, ...packets });
      sameBytes(buffer, pattern(1060));
    });

    it("can't be used after wipe, not even for key stream made ahead", () => {
      const cipher = suite.messageCipher(key);
      for (let nonce = 0; nonce < 5; nonce++) cipher.apply(pattern(1060), nonce, { count: 1, ...packets });
      cipher.wipe();
      for (let nonce = 4; nonce < 20; nonce++) assert.throws(() => cipher.apply(pattern(1060), nonce, { count: 1, ...packets }));
    });

    it("leaves the key it was given alone when it wipes its own", () => {
      const given = Buffer.from(key);
      suite.messageCipher(given).wipe();
      sameBytes(given, key);
    });

    it("keeps its own copy of the key, so that the caller may wipe theirs", () => {
      const given = Buffer.from(key);
      const cipher = suite.messageCipher(given);
      given.fill(0);
      agrees(cipher, { firstNonce: 1, count: 1, ...packets });
    });
  });
}

for (const [sealing, opening] of SUITE_PAIRS) {
  describe(`messageCipher of the ${sealing.name} suite and then that of the ${opening.name} suite`, () => {
    it("give the plain text back, past 2^32 too", () => {
      const buffer = pattern(20 * 1060);
      const layout = { count: 20, messageBytes: 1028, strideBytes: 1060 };
      sealing.messageCipher(key).apply(buffer, 2 ** 32 - 7, layout);
      opening.messageCipher(key).apply(buffer, 2 ** 32 - 7, layout);
      sameBytes(buffer, pattern(20 * 1060));
    });
  });
}
