/**
 * The primitives of Noise by @noble/curves, ciphers and hashes.
 *
 * Spec: RFC 7748, 5 and 6.1 · NIST SP 800-38D
 */
import { gcm } from "@noble/ciphers/aes.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Aead, NoiseSuite } from "./noise-suite.ts";

const TAG_BYTES = 16;

function x25519Public(privateKey: Uint8Array): Uint8Array {
  return x25519.getPublicKey(new Uint8Array(privateKey));
}

function x25519Shared(privateKey: Uint8Array, peerPublic: Uint8Array): Uint8Array | undefined {
  try {
    return x25519.getSharedSecret(new Uint8Array(privateKey), new Uint8Array(peerPublic));
  } catch {
    // The library refuses an all-zero result.
    return undefined;
  }
}

function aead(key: Uint8Array): Aead {
  const ownKey = new Uint8Array(key);
  let isWiped = false;
  const cipher = (nonce: Uint8Array, associated: Uint8Array): ReturnType<typeof gcm> => {
    if (isWiped) throw new RangeError("the cipher has been wiped");
    return gcm(ownKey, new Uint8Array(nonce), new Uint8Array(associated));
  };
  return {
    seal(nonce, associated, plain) {
      const sealed = cipher(nonce, associated).encrypt(new Uint8Array(plain));
      return [sealed.subarray(0, plain.length), sealed.subarray(plain.length)];
    },
    open(nonce, associated, sealed) {
      const one = cipher(nonce, associated);
      if (sealed.length < TAG_BYTES) return undefined;
      try {
        return one.decrypt(new Uint8Array(sealed));
      } catch {
        return undefined;
      }
    },
    // The library makes its key schedule with each message anyway.
    ahead() {},
    wipe() {
      isWiped = true;
      ownKey.fill(0);
    },
  };
}

/** The portable implementation of {@link NoiseSuite}. */
export const nobleNoiseSuite: NoiseSuite = {
  name: "noble",
  sha256: (data) => sha256(data),
  hmacSha256: (key, data) => hmac(sha256, key, data),
  aead,
  x25519Public,
  x25519Shared,
};
