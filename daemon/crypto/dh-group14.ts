/**
 * The 2048-bit MODP group of RFC 3526, section 3 ("group 14"), and arithmetic on it.
 *
 * The BigInt exponentiation is the portable fallback and the second opinion in
 * tests; it is not constant time, see SECURITY.md. The native suite uses
 * OpenSSL's exponentiation for all ordinary values.
 */

/** Bytes of a group element and of the modulus (RFC 3526, section 3). */
export const GROUP14_BYTES = 256;

/** The modulus p, RFC 3526, section 3, as printed there. */
export const GROUP14_PRIME_HEX = [
  "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
  "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
  "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
  "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05",
  "98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB",
  "9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
  "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718",
  "3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF",
].join("");

/** The modulus as a number. */
const GROUP14_PRIME = BigInt(`0x${GROUP14_PRIME_HEX}`);

/** The modulus as 256 big-endian bytes. */
export const GROUP14_PRIME_BYTES: Uint8Array = toBytes(GROUP14_PRIME);

/** 2, RFC 3526, section 3. */
const GROUP14_GENERATOR = 2n;

/** Whether `element` (256 bytes, big-endian) is below p, the check of steps S4 and C5. Not secret: plain comparison. */
export function isBelowPrime(element: Uint8Array): boolean {
  for (let index = 0; index < GROUP14_BYTES; index++) {
    const difference = (element[index] ?? 0) - (GROUP14_PRIME_BYTES[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/**
 * Whether the shared secret with `element` (256 bytes, below p) is known to everybody: 0, 1 and p-1 give 0, 1 and 1 or
 * p-1 whatever the exponent. p is a safe prime, so there are no other elements of a small order. Not secret: plain comparison.
 */
export function isDegenerate(element: Uint8Array): boolean {
  const value = toNumber(element);
  return value <= 1n || value === GROUP14_PRIME - 1n;
}

/** 2^x mod p as 256 bytes, by BigInt. */
export function group14Public(privateValue: Uint8Array): Uint8Array {
  return toBytes(power(GROUP14_GENERATOR, toNumber(privateValue)));
}

/** y^x mod p as 256 bytes, by BigInt. */
export function group14Shared(peerPublic: Uint8Array, privateValue: Uint8Array): Uint8Array {
  return toBytes(power(toNumber(peerPublic), toNumber(privateValue)));
}

/** Square and multiply, most significant bit first. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % GROUP14_PRIME;
    if (bit === "1") result = (result * base) % GROUP14_PRIME;
  }
  return result;
}

function toNumber(bytes: Uint8Array): bigint {
  let hex = "0x0";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return BigInt(hex);
}

function toBytes(value: bigint): Uint8Array {
  const hex = value.toString(16).padStart(GROUP14_BYTES * 2, "0");
  const bytes = new Uint8Array(GROUP14_BYTES);
  for (let index = 0; index < GROUP14_BYTES; index++) {
    bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}
