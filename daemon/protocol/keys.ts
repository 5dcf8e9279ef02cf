/**
 * Key derivation: from a key file to K, from K and the nonces to the keys of a
 * connection. Pure; spiped's DESIGN.md, steps C3/S3 and C7/S7.
 */
import type { CipherSuite } from "../crypto/suite.ts";
import { DH_PUBLIC_BYTES, KEY_BYTES } from "./constants.ts";

/** The shared secret K (32 bytes), never printed: see {@link fingerprint}. */
export type SharedKey = Uint8Array;

/** K = SHA-256(all bytes of the key file), an empty file and a trailing newline included. */
export function sharedKey(suite: CipherSuite, keyFileBytes: Uint8Array): SharedKey {
  return suite.sha256(keyFileBytes);
}

/** Whether a key has been overwritten with zeros: anybody can prove to hold such a key. No key file will ever have this K. */
export function isWiped(key: SharedKey): boolean {
  return key.every((byte) => byte === 0);
}

/** nonce_C ‖ nonce_S. */
export interface Nonces {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** The keys that authenticate y_C and y_S (C3/S3). */
export interface DhMacKeys {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** C3/S3: dk_1 = PBKDF2-SHA256(K, nonce_C ‖ nonce_S, 1) = dhmac_C ‖ dhmac_S. */
export function dhMacKeys(suite: CipherSuite, key: SharedKey, nonces: Nonces): DhMacKeys {
  const dk1 = suite.pbkdf2Sha256Once(key, concat([nonces.client, nonces.server]), 2 * KEY_BYTES);
  return { client: dk1.subarray(0, KEY_BYTES), server: dk1.subarray(KEY_BYTES) };
}

/** The keys of one direction: E for AES-256-CTR, H for HMAC-SHA256. */
export interface DirectionKeys {
  readonly encryption: Uint8Array;
  readonly mac: Uint8Array;
}

/** The keys of a connection, by who sends. */
export interface SessionKeys {
  readonly client: DirectionKeys;
  readonly server: DirectionKeys;
}

/** C7/S7: dk_2 = PBKDF2-SHA256(K, nonce_C ‖ nonce_S ‖ y_SC, 1) = E_C ‖ H_C ‖ E_S ‖ H_S. `dhSecret` is y_SC, 256 bytes. */
export function sessionKeys(suite: CipherSuite, key: SharedKey, exchange: { readonly nonces: Nonces; readonly dhSecret: Uint8Array }): SessionKeys {
  const salt = concat([exchange.nonces.client, exchange.nonces.server, exchange.dhSecret]);
  const dk2 = suite.pbkdf2Sha256Once(key, salt, 4 * KEY_BYTES);
  salt.fill(0);
  const part = (index: number) => dk2.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES);
  return {
    client: { encryption: part(0), mac: part(1) },
    server: { encryption: part(2), mac: part(3) },
  };
}

/** y = 1 as 256 big-endian bytes: what a peer without forward secrecy (x = 0) sends, and its y_SC. */
export const WEAK_DH_PUBLIC: Uint8Array = new Uint8Array(DH_PUBLIC_BYTES).fill(1, DH_PUBLIC_BYTES - 1);

/** Our choice: separates the fingerprint from every other use of K. */
const FINGERPRINT_LABEL = new TextEncoder().encode("encrypted-tunnels key fingerprint v1");
const FINGERPRINT_BYTES = 16;

/** A short name for a key that is safe to show: 16 bytes of HMAC-SHA256(K, label), as `xxxx-xxxx-…` hex. */
export function fingerprint(suite: CipherSuite, key: SharedKey): string {
  const digest = suite.hmacSha256(key, FINGERPRINT_LABEL).subarray(0, FINGERPRINT_BYTES);
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return (hex.match(/.{4}/g) ?? []).join("-");
}

/** Whether two byte strings are equal; takes less time the sooner they differ, so for what nobody else has chosen, and for what is no secret. */
export function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, index) => byte === b[index]);
}

/** The parts one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
