/** K, the derived keys and the fingerprint. */
import assert from "node:assert/strict";
import { pbkdf2Sync } from "node:crypto";
import { concat, dhMacKeys, fingerprint, sessionKeys, sharedKey, WEAK_DH_PUBLIC } from "../../../daemon/protocol/keys.ts";
import { ascii, join, numberOf, pattern, sameBytes, toHex } from "../../support/wire/bytes.ts";
import { SUITES } from "../../support/wire/suites.ts";

const nonces = { client: pattern(32, 1), server: pattern(32, 2) };
const key = pattern(32, 3);

for (const suite of SUITES) {
  describe(`key derivation on the ${suite.name} suite`, () => {
    it("makes K the SHA-256 of the key file", () => {
      assert.equal(toHex(sharedKey(suite, ascii("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    });

    it("makes K of an empty key file too", () => {
      assert.equal(toHex(sharedKey(suite, ascii(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    });

    it("takes a trailing newline as part of the key", () => {
      assert.notEqual(toHex(sharedKey(suite, ascii("abc\n"))), toHex(sharedKey(suite, ascii("abc"))));
    });

    it("derives dhmac_C and dhmac_S from K and both nonces (C3, S3)", () => {
      const macKeys = dhMacKeys(suite, key, nonces);
      sameBytes(join(macKeys.client, macKeys.server), pbkdf2Sync(key, join(nonces.client, nonces.server), 1, 64, "sha256"));
    });

    it("derives E_C, H_C, E_S and H_S in that order from K, both nonces and y_SC (C7, S7)", () => {
      const dhSecret = pattern(256, 4);
      const { client, server } = sessionKeys(suite, key, { nonces, dhSecret });
      const dk2 = pbkdf2Sync(key, join(nonces.client, nonces.server, dhSecret), 1, 128, "sha256");
      sameBytes(join(client.encryption, client.mac, server.encryption, server.mac), dk2);
    });

    it("leaves y_SC to its owner to wipe", () => {
      const dhSecret = pattern(256, 4);
      sessionKeys(suite, key, { nonces, dhSecret });
      sameBytes(dhSecret, pattern(256, 4));
    });
  });

  describe(`fingerprint on the ${suite.name} suite`, () => {
    it("has a known answer that never changes", () => {
      assert.equal(fingerprint(suite, sharedKey(suite, ascii("a key file\n"))), "3baf-210b-21c2-f920-b112-31e8-f0dc-29f4");
    });

    it("shows nothing of K: no two bytes of it in a row, at any place", () => {
      const shown = fingerprint(suite, key).replaceAll("-", "");
      for (let at = 0; at + 2 <= key.length; at++) assert.equal(shown.includes(toHex(key.slice(at, at + 2))), false, `bytes ${at} and ${at + 1} of K`);
    });

    it("is no prefix of a hash of the key file", () => {
      const hashed = sharedKey(suite, ascii("a key file\n"));
      const shown = fingerprint(suite, hashed).replaceAll("-", "");
      assert.notEqual(toHex(hashed).slice(0, shown.length), shown);
      assert.notEqual(toHex(suite.sha256(hashed)).slice(0, shown.length), shown);
    });

    it("differs for keys that differ in one bit", () => {
      const names = Array.from({ length: 256 }, (_, bit) => {
        const other = key.slice();
        other[bit >>> 3] = (other[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
        return fingerprint(suite, other);
      });
      assert.equal(new Set([...names, fingerprint(suite, key)]).size, 257);
    });

    it("is written as eight groups of four hex digits", () => {
      assert.match(fingerprint(suite, key), /^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/);
    });
  });
}

describe("WEAK_DH_PUBLIC", () => {
  it("is 1 in 256 bytes", () => {
    assert.equal(WEAK_DH_PUBLIC.length, 256);
    assert.equal(numberOf(WEAK_DH_PUBLIC), 1n);
  });
});

describe("concat", () => {
  it("joins none, empty and full parts in order", () => {
    assert.equal(concat([]).length, 0);
    sameBytes(concat([ascii("a"), ascii(""), ascii("bc")]), ascii("abc"));
  });
});
