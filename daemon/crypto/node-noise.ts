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

/** A cipher or decipher that has its key and nonce and has done nothing yet. */
interface Ahead<T> {
  readonly nonce: Buffer;
  readonly object: T;
}

function aead(key: Uint8Array): Aead {
  const ownKey = Buffer.from(key);
  let isWiped = false;
  let cipherAhead: Ahead<crypto.CipherGCM> | undefined;
  let decipherAhead: Ahead<crypto.DecipherGCM> | undefined;
  const check = (): void => {
    if (isWiped) throw new RangeError("the cipher has been wiped");
  };
  const makeCipher = (nonce: Uint8Array): crypto.CipherGCM => crypto.createCipheriv("aes-256-gcm", ownKey, nonce);
  const makeDecipher = (nonce: Uint8Array): crypto.DecipherGCM => crypto.createDecipheriv("aes-256-gcm", ownKey, nonce, { authTagLength: TAG_BYTES });
  // What was made ahead is used once, and for its own nonce alone.
  const takeCipher = (nonce: Uint8Array): crypto.CipherGCM => {
    const made = cipherAhead;
    cipherAhead = undefined;
    return made?.nonce.equals(nonce) ? made.object : makeCipher(nonce);
  };
  const takeDecipher = (nonce: Uint8Array): crypto.DecipherGCM => {
    const made = decipherAhead;
    decipherAhead = undefined;
    return made?.nonce.equals(nonce) ? made.object : makeDecipher(nonce);
  };
  const sealInPieces = (nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): readonly [Uint8Array, Uint8Array] => {
    check();
    const cipher = takeCipher(nonce);
    if (associated.length > 0) cipher.setAAD(associated);
    const text = cipher.update(plain);
    // GCM has no bytes of its own at the end.
    cipher.final();
    return [text, cipher.getAuthTag()];
  };
  return {
    seal(nonce, associated, plain, headroom = 0) {
      const [text, tag] = sealInPieces(nonce, associated, plain);
      const end = headroom + text.length;
      const sealed = Buffer.allocUnsafe(end + TAG_BYTES);
      sealed.set(text, headroom);
      sealed.set(tag, end);
      return sealed;
    },
    sealInPieces,
    open(nonce, associated, sealed) {
      check();
      if (sealed.length < TAG_BYTES) return undefined;
      const end = sealed.length - TAG_BYTES;
      const decipher = takeDecipher(nonce);
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
      if (what === "seal") cipherAhead ??= { nonce: Buffer.from(nonce), object: makeCipher(nonce) };
      else decipherAhead ??= { nonce: Buffer.from(nonce), object: makeDecipher(nonce) };
    },
    wipe() {
      isWiped = true;
      cipherAhead = undefined;
      decipherAhead = undefined;
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
