/**
 * The primitives of Noise by node:crypto.
 *
 * Node takes raw X25519 keys only inside their ASN.1 wrapping, whose bytes before
 * the key are always the same.
 *
 * Spec: RFC 7748, 5 and 6.1 · RFC 8410, 7 (wrapping) · NIST SP 800-38D
 */
import * as crypto from "node:crypto";
import type { Aead, NoiseSuite } from "./noise-suite.ts";

const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** RFC 8410, 7: PrivateKeyInfo of id-X25519 up to the key. */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
/** RFC 8410, 4: SubjectPublicKeyInfo of id-X25519 up to the key. */
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

function x25519Public(privateKey: Uint8Array): Uint8Array {
  const wrapped = crypto.createPublicKey(privateKeyObject(privateKey)).export({ format: "der", type: "spki" });
  return Uint8Array.from(wrapped.subarray(wrapped.length - KEY_BYTES));
}

function x25519Shared(privateKey: Uint8Array, peerPublic: Uint8Array): Uint8Array | undefined {
  const publicKey = crypto.createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, peerPublic]), format: "der", type: "spki" });
  try {
    const shared = crypto.diffieHellman({ privateKey: privateKeyObject(privateKey), publicKey });
    return shared.some((byte) => byte !== 0) ? shared : undefined;
  } catch {
    // OpenSSL itself refuses a point of low order, with an error in its own words.
    return undefined;
  }
}

function privateKeyObject(privateKey: Uint8Array): crypto.KeyObject {
  const wrapped = Buffer.concat([PRIVATE_PREFIX, privateKey]);
  try {
    return crypto.createPrivateKey({ key: wrapped, format: "der", type: "pkcs8" });
  } finally {
    wrapped.fill(0);
  }
}

function aead(key: Uint8Array): Aead {
  const ownKey = Buffer.from(key);
  let isWiped = false;
  const check = (): void => {
    if (isWiped) throw new RangeError("the cipher has been wiped");
  };
  return {
    seal(nonce, associated, plain) {
      check();
      const cipher = crypto.createCipheriv("aes-256-gcm", ownKey, nonce);
      cipher.setAAD(associated);
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(nonce, associated, sealed) {
      check();
      if (sealed.length < TAG_BYTES) return undefined;
      const end = sealed.length - TAG_BYTES;
      const decipher = crypto.createDecipheriv("aes-256-gcm", ownKey, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(associated);
      decipher.setAuthTag(sealed.subarray(end));
      const plain = decipher.update(sealed.subarray(0, end));
      try {
        return Buffer.concat([plain, decipher.final()]);
      } catch {
        plain.fill(0);
        return undefined;
      }
    },
    wipe() {
      isWiped = true;
      ownKey.fill(0);
    },
  };
}

/** The native implementation of {@link NoiseSuite}. */
export const nodeNoiseSuite: NoiseSuite = {
  name: "node",
  sha256: (data) => crypto.createHash("sha256").update(data).digest(),
  hmacSha256: (key, data) => crypto.createHmac("sha256", key).update(data).digest(),
  aead,
  x25519Public,
  x25519Shared,
};
