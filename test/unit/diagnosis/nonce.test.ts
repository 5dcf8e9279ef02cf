/** The nonce of a diagnosis: a line for services that read lines, random for spiped. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { diagnosisNonce, nonceFirst } from "../../../daemon/diagnosis/nonce.ts";
import { toHex } from "../../support/wire/bytes.ts";

describe("the nonce of a diagnosis", () => {
  it("is 30 bytes without NUL, CR and LF, and then CR LF", () => {
    for (let count = 0; count < 2_000; count++) {
      const nonce = diagnosisNonce(systemRandom);
      assert.equal(nonce.length, 32);
      assert.deepEqual([...nonce.subarray(30)], [13, 10]);
      assert.equal(
        nonce.subarray(0, 30).some((byte) => byte === 0 || byte === 10 || byte === 13),
        false,
      );
    }
  });

  it("differs each time, and can have every other byte value in it", () => {
    const nonces = Array.from({ length: 2_000 }, () => diagnosisNonce(systemRandom));
    assert.equal(new Set(nonces.map(toHex)).size, nonces.length);
    assert.equal(new Set(nonces.flatMap((nonce) => [...nonce])).size, 255);
  });

  it("draws again when bytes don't fit, and gives up on a source that has only such bytes", () => {
    let calls = 0;
    const nonce = diagnosisNonce((bytes) => new Uint8Array(bytes).fill(calls++ === 0 ? 13 : 7));
    assert.equal(
      nonce.subarray(0, 30).every((byte) => byte === 7),
      true,
    );
    assert.throws(() => diagnosisNonce((bytes) => new Uint8Array(bytes)), RangeError);
  });

  it("is a handshake's first draw only: the private value stays random", () => {
    const random = nonceFirst((bytes) => new Uint8Array(bytes).fill(9));
    assert.deepEqual([...random(32).subarray(29)], [9, 13, 10]);
    assert.deepEqual([...random(32).subarray(29)], [9, 9, 9]);
  });
});
