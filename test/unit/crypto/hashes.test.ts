/** SHA-256, HMAC and PBKDF2 against the vectors of their own standards, on both suites. */
import assert from "node:assert/strict";
import { ascii, fromHex, pattern, toHex } from "../../support/wire/bytes.ts";
import { SUITES } from "../../support/wire/suites.ts";

/** FIPS 180-4's examples (NIST "SHA256.pdf" and the long message of FIPS 180-2, B.3). */
const SHA256_VECTORS: readonly (readonly [string, Uint8Array, string])[] = [
  ["the empty message", ascii(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["one block", ascii("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  ["two blocks", ascii("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"],
  ["a million bytes", new Uint8Array(1_000_000).fill(0x61), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];

/** RFC 4231, section 4; case 5 is published truncated to 128 bits. */
const HMAC_VECTORS: readonly (readonly [string, Uint8Array, Uint8Array, string])[] = [
  ["case 1", new Uint8Array(20).fill(0x0b), ascii("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  ["case 2", ascii("Jefe"), ascii("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ["case 3", new Uint8Array(20).fill(0xaa), new Uint8Array(50).fill(0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "case 4",
    Uint8Array.from({ length: 25 }, (_, index) => index + 1),
    new Uint8Array(50).fill(0xcd),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  ["case 5", new Uint8Array(20).fill(0x0c), ascii("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"],
  [
    "case 6, a key longer than a block",
    new Uint8Array(131).fill(0xaa),
    ascii("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "case 7, a long key and long data",
    new Uint8Array(131).fill(0xaa),
    ascii(
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

/** RFC 7914, section 11, the vector with one iteration. */
const PBKDF2_VECTOR = `
  55 ac 04 6e 56 e3 08 9f ec 16 91 c2 25 44 b6 05 f9 41 85 21 6d de 04 65 e6 8b 9d 57 c2 0d ac bc
  49 ca 9c cc f1 79 b6 45 99 16 64 b3 9d 77 ef 31 7c 71 b8 45 b1 e3 0b d5 09 11 20 41 d3 a1 97 83`;

for (const suite of SUITES) {
  describe(`hashes of the ${suite.name} suite`, () => {
    for (const [name, message, digest] of SHA256_VECTORS) {
      it(`gives FIPS 180's digest of ${name}`, () => assert.equal(toHex(suite.sha256(message)), digest));
    }

    for (const [name, key, data, tag] of HMAC_VECTORS) {
      it(`gives RFC 4231's tag of ${name}`, () => assert.equal(toHex(suite.hmacSha256(key, data)).slice(0, tag.length), tag));
    }

    it("gives RFC 7914's PBKDF2 output for one iteration", () => {
      assert.equal(toHex(suite.pbkdf2Sha256Once(ascii("passwd"), ascii("salt"), 64)), toHex(fromHex(PBKDF2_VECTOR)));
    });

    it("derives a shorter PBKDF2 output as the beginning of a longer one", () => {
      const [password, salt] = [pattern(32, 1), pattern(320, 2)];
      assert.equal(toHex(suite.pbkdf2Sha256Once(password, salt, 128)).slice(0, 128), toHex(suite.pbkdf2Sha256Once(password, salt, 64)));
    });

    it("finds equal byte strings equal", () => assert.equal(suite.equal(pattern(32), pattern(32)), true));

    it("finds byte strings different if one bit differs, wherever the bit is", () => {
      for (let bit = 0; bit < 256; bit++) {
        const other = pattern(32);
        other[bit >>> 3] = (other[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(suite.equal(pattern(32), other), false, `bit ${bit}`);
      }
    });

    it("finds byte strings of different lengths different", () => {
      assert.equal(suite.equal(pattern(32), pattern(31)), false);
      assert.equal(suite.equal(new Uint8Array(0), new Uint8Array(1)), false);
    });
  });
}
