/** Which suite is picked, and that a suite with wrong answers is never picked. */
import assert from "node:assert/strict";
import { nobleSuite } from "../../../daemon/crypto/noble-suite.ts";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { answersRight, CRYPTO_VARIABLE, exercise, selectSuite } from "../../../daemon/crypto/select-suite.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { flipBit } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";
import { SUITES } from "../../support/wire/suites.ts";

/** The suite with one of its answers wrong. */
const BROKEN: Readonly<Record<string, (suite: CipherSuite) => Partial<CipherSuite>>> = {
  sha256: (suite) => ({ sha256: (data) => flipBit(suite.sha256(data), 0) }),
  hmacSha256: (suite) => ({ hmacSha256: (key, data) => flipBit(suite.hmacSha256(key, data), 255) }),
  pbkdf2Sha256Once: (suite) => ({ pbkdf2Sha256Once: (password, salt, length) => flipBit(suite.pbkdf2Sha256Once(password, salt, length), length * 8 - 1) }),
  "equal, always true": () => ({ equal: () => true }),
  "equal, always false": () => ({ equal: () => false }),
  "messageCipher, which does nothing": () => ({ messageCipher: () => ({ apply: () => {}, wipe: () => {} }) }),
  "messageCipher, with a nonce of 32 bits": (suite) => ({
    messageCipher: (key) => {
      const cipher = suite.messageCipher(key);
      return { apply: (buffer, firstNonce, layout) => cipher.apply(buffer, firstNonce % 2 ** 32, layout), wipe: () => cipher.wipe() };
    },
  }),
  "sequenceMac, which signs without the number": (suite) => ({
    sequenceMac: (key, messageBytes) => {
      const mac = suite.sequenceMac(key, messageBytes);
      return {
        sign: (buffer, _, layout) => mac.sign(buffer, 0, layout),
        firstInvalid: (buffer, _, layout) => mac.firstInvalid(buffer, 0, layout),
        wipe: () => mac.wipe(),
      };
    },
  }),
  "sequenceMac, which finds nothing wrong": (suite) => ({
    sequenceMac: (key, messageBytes) => ({ ...bound(suite.sequenceMac(key, messageBytes)), firstInvalid: () => -1 }),
  }),
  "sequenceMac, which finds everything wrong": (suite) => ({
    sequenceMac: (key, messageBytes) => ({ ...bound(suite.sequenceMac(key, messageBytes)), firstInvalid: () => 0 }),
  }),
  dhPublic: (suite) => ({ dhPublic: (x) => flipBit(suite.dhPublic(x), 7) }),
  dhShared: (suite) => ({ dhShared: (y, x) => flipBit(suite.dhShared(y, x), 2047) }),
};

function bound(mac: ReturnType<CipherSuite["sequenceMac"]>): ReturnType<CipherSuite["sequenceMac"]> {
  return {
    sign: (buffer, first, layout) => mac.sign(buffer, first, layout),
    firstInvalid: (buffer, first, layout) => mac.firstInvalid(buffer, first, layout),
    wipe: () => mac.wipe(),
  };
}

const PRIMITIVES = ["sha256", "hmacSha256", "pbkdf2Sha256Once", "equal", "messageCipher", "sequenceMac", "dhPublic", "dhShared"] as const;

describe("selectSuite", () => {
  it("picks the native suite where it works", () => assert.equal(selectSuite(undefined), nodeSuite));

  it("treats an empty variable like one that is not set", () => assert.equal(selectSuite(""), nodeSuite));

  it("picks the native suite when it is forced", () => assert.equal(selectSuite("node"), nodeSuite));

  it("picks the portable suite when it is forced", () => assert.equal(selectSuite("noble"), nobleSuite));

  for (const wrong of ["Node", "openssl", " node", "noble,node"]) {
    it(`refuses "${wrong}"`, () =>
      assert.equal(
        codeOf(() => selectSuite(wrong)),
        "CONFIG_INVALID",
      ));
  }

  it("names the variable in the error about a wrong value", () => {
    assert.match(errorOf(() => selectSuite("openssl")).message, new RegExp(`${CRYPTO_VARIABLE}.*openssl`));
  });
});

for (const suite of SUITES) {
  describe(`answersRight for the ${suite.name} suite`, () => {
    it("is true for the unchanged suite", () => assert.equal(answersRight(suite), true));

    for (const [what, broken] of Object.entries(BROKEN)) {
      it(`is false with a wrong ${what}`, () => assert.equal(answersRight({ ...suite, ...broken(suite) }), false));
    }

    for (const primitive of PRIMITIVES) {
      it(`is false, and does not throw, when ${primitive} throws`, () => {
        const throwing = () => {
          throw new Error("unsupported");
        };
        assert.equal(answersRight({ ...suite, [primitive]: throwing }), false);
      });
    }
  });
}

it("both suites give one answer to the exercise", () => assert.equal(exercise(nodeSuite), exercise(nobleSuite)));
