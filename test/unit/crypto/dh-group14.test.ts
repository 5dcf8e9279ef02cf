/** Group 14: the constants from their formula, the arithmetic against plain BigInt, and the values OpenSSL would refuse. */
import assert from "node:assert/strict";
import { getDiffieHellman } from "node:crypto";
import { GROUP14_BYTES, GROUP14_PRIME_BYTES, GROUP14_PRIME_HEX, isBelowPrime } from "../../../daemon/crypto/dh-group14.ts";
import { bytesOf, numberOf, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { SUITE_PAIRS, SUITES } from "../../support/wire/suites.ts";

const P = numberOf(GROUP14_PRIME_BYTES);

/** floor(2^bits × π) by Machin's formula, π = 16 atan(1/5) - 4 atan(1/239). */
function piScaled(bits: bigint): bigint {
  const guard = 64n;
  const one = 1n << (bits + guard);
  const arctanOfInverse = (n: bigint): bigint => {
    let sum = 0n;
    let sign = 1n;
    for (let term = one / n, odd = 1n; term > 0n; term /= n * n, odd += 2n, sign = -sign) sum += sign * (term / odd);
    return sum;
  };
  return (16n * arctanOfInverse(5n) - 4n * arctanOfInverse(239n)) >> guard;
}

function modPow(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, base % P];
  for (let rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % P) if (rest & 1n) result = (result * square) % P;
  return result;
}

const element = (value: bigint): Uint8Array => bytesOf(value, GROUP14_BYTES);
const secret = (value: bigint): Uint8Array => bytesOf(value, 32);
const someSecret = pattern(32, 21);

/** The first x from 3 on with base^x below 2^2040: its 256 bytes begin with a zero. */
function exponentOfShortPower(base: bigint): bigint {
  let [power, exponent] = [modPow(base, 3000n), 3000n];
  while (power >> 2040n !== 0n) [power, exponent] = [(power * base) % P, exponent + 1n];
  return exponent;
}

describe("the prime of group 14", () => {
  it("is RFC 3526's 2^2048 - 2^1984 - 1 + 2^64 × (⌊2^1918 π⌋ + 124476)", () => {
    assert.equal(P, 2n ** 2048n - 2n ** 1984n - 1n + 2n ** 64n * (piScaled(1918n) + 124_476n));
  });

  it("is the one node:crypto knows as modp14, with generator 2", () => {
    const known = getDiffieHellman("modp14");
    assert.equal(known.getPrime("hex"), GROUP14_PRIME_HEX.toLowerCase());
    assert.equal(Number.parseInt(known.getGenerator("hex"), 16), 2);
  });
});

describe("isBelowPrime", () => {
  for (const [name, value, below] of [
    ["0", 0n, true],
    ["1", 1n, true],
    ["p - 1", P - 1n, true],
    ["p", P, false],
    ["p + 1", P + 1n, false],
    ["2^2048 - 1", 2n ** 2048n - 1n, false],
    ["p with a lower first byte", P - 2n ** 2040n, true],
    ["p with a byte in the middle one lower and all behind it 255", P - 2n ** 1024n + (2n ** 1024n - 1n - (P % 2n ** 1024n)), true],
    ["p with a byte in the middle one higher and all behind it 0", P - (P % 2n ** 1024n) + 2n ** 1024n, false],
  ] as const) {
    it(`is ${below} for ${name}`, () => assert.equal(isBelowPrime(element(value)), below));
  }
});

for (const suite of SUITES) {
  describe(`group 14 of the ${suite.name} suite`, () => {
    for (const x of [1n, 2n, 2047n, 2048n, 2n ** 255n, 2n ** 256n - 1n, numberOf(someSecret)]) {
      it(`gives 2^x for x = ${x < 10_000n ? x : `a number of ${x.toString(2).length} bits`}`, () => {
        sameBytes(suite.dhPublic(secret(x)), element(modPow(2n, x)));
      });
    }

    it("gives y^x for ordinary values", () => {
      const y = modPow(2n, 987_654_321n);
      sameBytes(suite.dhShared(element(y), someSecret), element(modPow(y, numberOf(someSecret))));
    });

    for (const [name, y] of [["0", 0n] as const, ["1", 1n] as const, ["2", 2n] as const, ["p - 1", P - 1n] as const, ["p - 2", P - 2n] as const]) {
      for (const [parity, x] of [["even", numberOf(someSecret) & ~1n] as const, ["odd", numberOf(someSecret) | 1n] as const]) {
        it(`gives y^x for y = ${name} and an ${parity} x`, () => {
          sameBytes(suite.dhShared(element(y), secret(x)), element(modPow(y, x)));
        });
      }
    }

    it("gives y^x for a y outside the group's prime-order part, as spiped does", () => {
      // -4 is no square modulo p, since p ≡ 3 (mod 4).
      const y = P - 4n;
      sameBytes(suite.dhShared(element(y), someSecret), element(modPow(y, numberOf(someSecret))));
    });

    it("pads a public value that is short to 256 bytes", () => {
      const x = exponentOfShortPower(2n);
      const y = suite.dhPublic(secret(x));
      assert.equal(y.length, GROUP14_BYTES);
      sameBytes(y, element(modPow(2n, x)));
      assert.equal(y[0], 0);
    });

    it("pads a shared value that is short to 256 bytes", () => {
      const base = modPow(2n, 12_345n);
      const x = exponentOfShortPower(base);
      const shared = suite.dhShared(element(base), secret(x));
      assert.equal(shared.length, GROUP14_BYTES);
      sameBytes(shared, element(modPow(base, x)));
      assert.equal(shared[0], 0);
    });

    it("takes y from a view into a larger buffer", () => {
      const wide = new Uint8Array(300);
      wide.set(element(1n), 17);
      sameBytes(suite.dhShared(wide.subarray(17, 17 + GROUP14_BYTES), someSecret), element(1n));
    });
  });
}

for (const [one, other] of SUITE_PAIRS) {
  it(`the ${one.name} and the ${other.name} suite agree on a shared value`, () => {
    const [mine, theirs] = [pattern(32, 31), pattern(32, 32)];
    sameBytes(one.dhShared(other.dhPublic(theirs), mine), other.dhShared(one.dhPublic(mine), theirs));
  });
}
