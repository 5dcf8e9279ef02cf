/** HMAC-SHA256 over message ‖ be64(sequence), against node:crypto's plain HMAC of the same bytes. */
import assert from "node:assert/strict";
import { be64, flipBit, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { referenceHmac } from "../../support/wire/packets.ts";
import { SUITE_PAIRS, SUITES } from "../../support/wire/suites.ts";

const MESSAGE = 1028;
const PACKET = 1060;
const key = pattern(32, 3);

function signed(sequence: number, count: number): Uint8Array {
  const buffer = pattern(count * PACKET, 11);
  for (let index = 0; index < count; index++) {
    const message = buffer.subarray(index * PACKET, index * PACKET + MESSAGE);
    buffer.set(referenceHmac(key, message, be64(BigInt(sequence) + BigInt(index))), index * PACKET + MESSAGE);
  }
  return buffer;
}

const layoutOf = (count: number) => ({ count, messageBytes: MESSAGE, strideBytes: PACKET });

for (const suite of SUITES) {
  describe(`sequenceMac of the ${suite.name} suite`, () => {
    for (const first of [0, 1, 2 ** 32 - 2, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER - 3]) {
      it(`signs packets from number ${first} on as HMAC does`, () => {
        const buffer = pattern(4 * PACKET, 11);
        suite.sequenceMac(key, MESSAGE).sign(buffer, first, layoutOf(4));
        sameBytes(buffer, signed(first, 4));
      });
    }

    it("signs messages of another size", () => {
      const buffer = pattern(2 * 52);
      suite.sequenceMac(key, 20).sign(buffer, 6, { count: 2, messageBytes: 20, strideBytes: 52 });
      sameBytes(buffer.subarray(72), referenceHmac(key, pattern(2 * 52).subarray(52, 72), be64(7)));
    });

    it("finds nothing wrong with right tags", () => {
      assert.equal(suite.sequenceMac(key, MESSAGE).firstInvalid(signed(2 ** 32 - 2, 5), 2 ** 32 - 2, layoutOf(5)), -1);
    });

    it("names the first of two packets with a wrong tag", () => {
      const bad = flipBit(flipBit(signed(0, 5), (2 * PACKET + 7) * 8), (4 * PACKET + MESSAGE) * 8);
      assert.equal(suite.sequenceMac(key, MESSAGE).firstInvalid(bad, 0, layoutOf(5)), 2);
    });

    it("finds any single flipped bit of a tag", () => {
      const mac = suite.sequenceMac(key, MESSAGE);
      const right = signed(0, 1);
      for (let bit = MESSAGE * 8; bit < PACKET * 8; bit++) assert.equal(mac.firstInvalid(flipBit(right, bit), 0, layoutOf(1)), 0, `bit ${bit}`);
    });

    it("refuses a right packet under another number", () => {
      assert.equal(suite.sequenceMac(key, MESSAGE).firstInvalid(signed(4, 1), 5, layoutOf(1)), 0);
    });

    it("refuses a right packet under a number that differs only above 2^32", () => {
      assert.equal(suite.sequenceMac(key, MESSAGE).firstInvalid(signed(4, 1), 4 + 2 ** 32, layoutOf(1)), 0);
    });

    it("works on a view that begins anywhere in its buffer", () => {
      const whole = new Uint8Array(PACKET + 3);
      whole.set(signed(0, 1), 3);
      assert.equal(suite.sequenceMac(key, MESSAGE).firstInvalid(whole.subarray(3), 0, layoutOf(1)), -1);
    });

    it("gives the same tag after another mac was used in between", () => {
      const [mine, other] = [suite.sequenceMac(key, MESSAGE), suite.sequenceMac(pattern(32, 4), MESSAGE)];
      other.sign(pattern(PACKET), 1, layoutOf(1));
      assert.equal(mine.firstInvalid(signed(0, 1), 0, layoutOf(1)), -1);
    });

    it("keeps its own copy of the key, so that the caller may wipe theirs", () => {
      const given = Buffer.from(key);
      const mac = suite.sequenceMac(given, MESSAGE);
      given.fill(0);
      assert.equal(mac.firstInvalid(signed(0, 1), 0, layoutOf(1)), -1);
    });

    it("no longer knows the key after wipe", () => {
      const mac = suite.sequenceMac(key, MESSAGE);
      mac.wipe();
      assert.equal(mac.firstInvalid(signed(0, 1), 0, layoutOf(1)), 0);
    });

    it("leaves the key it was given alone when it wipes its own", () => {
      const given = pattern(32, 3);
      suite.sequenceMac(given, MESSAGE).wipe();
      sameBytes(given, key);
    });
  });
}

for (const [signing, checking] of SUITE_PAIRS) {
  it(`the ${checking.name} suite accepts tags of the ${signing.name} suite`, () => {
    const buffer = pattern(18 * PACKET, 11);
    signing.sequenceMac(key, MESSAGE).sign(buffer, 2 ** 32 - 9, layoutOf(18));
    assert.equal(checking.sequenceMac(key, MESSAGE).firstInvalid(buffer, 2 ** 32 - 9, layoutOf(18)), -1);
  });
}
