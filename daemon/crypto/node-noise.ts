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

/** Objects of one kind, each for one nonce: the next one may be made ahead, and is used once, for its own nonce alone. */
class MadeAhead<T> {
  readonly #make: (nonce: Uint8Array) => T;
  #ahead: { readonly nonce: Buffer; readonly object: T } | undefined;

  constructor(make: (nonce: Uint8Array) => T) {
    this.#make = make;
  }

  prepare(nonce: Uint8Array): void {
    this.#ahead ??= { nonce: Buffer.from(nonce), object: this.#make(nonce) };
  }

  take(nonce: Uint8Array): T {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.nonce.equals(nonce) ? ahead.object : this.#make(nonce);
  }

  forget(): void {
    this.#ahead = undefined;
  }
}

function aead(key: Uint8Array): Aead {
  const ownKey = Buffer.from(key);
  let isWiped = false;
  const ciphers = new MadeAhead((nonce) => crypto.createCipheriv("aes-256-gcm", ownKey, nonce));
  const deciphers = new MadeAhead((nonce) => crypto.createDecipheriv("aes-256-gcm", ownKey, nonce, { authTagLength: TAG_BYTES }));
  const check = (): void => {
    if (isWiped) throw new RangeError("the cipher has been wiped");
  };
  return {
    seal(nonce, associated, plain) {
      check();
      const cipher = ciphers.take(nonce);
      if (associated.length > 0) cipher.setAAD(associated);
      const text = cipher.update(plain);
      // GCM has no bytes of its own at the end.
      cipher.final();
      return [text, cipher.getAuthTag()];
    },
    open(nonce, associated, sealed) {
      check();
      if (sealed.length < TAG_BYTES) return undefined;
      const end = sealed.length - TAG_BYTES;
      const decipher = deciphers.take(nonce);
      if (associated.length > 0) decipher.setAAD(associated);
      decipher.setAuthTag(sealed.subarray(end));
      const plain = decipher.update(sealed.subarray(0, end));
      try {
        decipher.final();
        return plain;
      } catch {
        plain.fill(0);
        return undefined;
      }
    },
    ahead(what, nonce) {
      check();
      (what === "seal" ? ciphers : deciphers).prepare(nonce);
    },
    wipe() {
      isWiped = true;
      ciphers.forget();
      deciphers.forget();
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
