/**
 * How two ends of ours find one another inside spiped's nonces: with no extra
 * round trip, no second port, and nothing that another spiped would notice. Pure.
 *
 *     HINT = HMAC-SHA256(K, "encrypted-tunnels native hint")
 *     PSK  = HMAC-SHA256(K, "encrypted-tunnels native psk")
 *     o_C  = HMAC-SHA256(HINT, "C" ‖ r_C)
 *     o_S  = HMAC-SHA256(HINT, "S" ‖ r_S ‖ nonce_C)
 *
 *      0              16             28         29        32
 *     +--------------+--------------+----------+---------+
 *     | r            | o[0..12)     | o[12]    | o[13..) |    32 bytes, in place of 32 random ones
 *     | random       |              | ^version |         |
 *     +--------------+--------------+----------+---------+
 *
 * spiped's own inputs to HMAC under K are 68 and 324 bytes long and the
 * fingerprint's is 36: none is one of these two. Design: docs/PROTOCOL.md.
 */
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { NONCE_BYTES } from "./constants.ts";
import { concat, isWiped, type SharedKey } from "./keys.ts";

/** The only version of the native wire so far. */
export const NATIVE_VERSION = 1;

const HINT_LABEL = new TextEncoder().encode("encrypted-tunnels native hint");
const PSK_LABEL = new TextEncoder().encode("encrypted-tunnels native psk");

const RANDOM_BYTES = 16;
/** Where in the output of HMAC the version goes. */
const VERSION_AT = 12;
const OUTPUT_BYTES = NONCE_BYTES - RANDOM_BYTES;

/** The two directions of a hint. */
const SIDE = { client: Uint8Array.of(0x43), server: Uint8Array.of(0x53) } as const;

/** The key of Noise's psk for K, 32 bytes; wipe it. */
export function nativePsk(suite: CipherSuite, key: SharedKey): Uint8Array {
  return suite.hmacSha256(key, PSK_LABEL);
}

/** A client's nonce with a hint: it speaks the native wire up to `version`. */
export function hintedClientNonce(
  suite: CipherSuite,
  key: SharedKey,
  { random, version }: { readonly random: RandomSource; readonly version: number },
): Uint8Array {
  const start = random(RANDOM_BYTES);
  return withHint(start, output(suite, key, [SIDE.client, start]), version);
}

/** A server's answer to a hinted nonce: the version that both speak from now on. */
export function hintedServerNonce(
  suite: CipherSuite,
  key: SharedKey,
  { random, version, clientNonce }: { readonly random: RandomSource; readonly version: number; readonly clientNonce: Uint8Array },
): Uint8Array {
  const start = random(RANDOM_BYTES);
  return withHint(start, output(suite, key, [SIDE.server, start, clientNonce]), version);
}

/** The version in a client's nonce; undefined: it has no hint of this key, as any spiped's, or the key has been wiped. */
export function hintOfClient(suite: CipherSuite, key: SharedKey, nonce: Uint8Array): number | undefined {
  return hintIn(suite, key, { nonce, expected: output(suite, key, [SIDE.client, nonce.subarray(0, RANDOM_BYTES)]) });
}

/** The version in a server's nonce; see {@link hintOfClient}. */
export function hintOfServer(
  suite: CipherSuite,
  key: SharedKey,
  { nonce, clientNonce }: { readonly nonce: Uint8Array; readonly clientNonce: Uint8Array },
): number | undefined {
  return hintIn(suite, key, { nonce, expected: output(suite, key, [SIDE.server, nonce.subarray(0, RANDOM_BYTES), clientNonce]) });
}

function output(suite: CipherSuite, key: SharedKey, input: readonly Uint8Array[]): Uint8Array {
  const hint = suite.hmacSha256(key, HINT_LABEL);
  const bytes = suite.hmacSha256(hint, concat(input)).subarray(0, OUTPUT_BYTES);
  hint.fill(0);
  return bytes;
}

function withHint(start: Uint8Array, hint: Uint8Array, version: number): Uint8Array {
  const nonce = concat([start, hint]);
  const at = RANDOM_BYTES + VERSION_AT;
  nonce[at] = (nonce[at] as number) ^ version;
  return nonce;
}

function hintIn(suite: CipherSuite, key: SharedKey, { nonce, expected }: { readonly nonce: Uint8Array; readonly expected: Uint8Array }): number | undefined {
  const version = (nonce[RANDOM_BYTES + VERSION_AT] as number) ^ (expected[VERSION_AT] as number);
  const said = withHint(nonce.subarray(0, RANDOM_BYTES), expected, version);
  // Anybody can make the hint of a key of zeros, which is what a closed tunnel's key is.
  return suite.equal(said, nonce) && !isWiped(key) && version > 0 ? version : undefined;
}
