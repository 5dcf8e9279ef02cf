/**
 * The primitives of the Noise handshake behind one small interface: X25519,
 * AES-256-GCM, SHA-256 and its HMAC. Two implementations stand behind it, native
 * (`node-noise.ts`) and portable (`noble-noise.ts`); both give the same bytes.
 */

/** AES-256-GCM with one key (NIST SP 800-38D): 12-byte nonces, 16-byte tags. No nonce may be used twice; keeping count is the caller's. */
export interface Aead {
  /** The cipher text of `plain`, and its tag. Apart, so that a long text need not be copied to get them together. */
  seal(nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): readonly [Uint8Array, Uint8Array];
  /** The plain text; undefined when the tag is wrong, and nothing of the text is given out then. */
  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
  /** For idle time: makes now what the next `seal` or `open` needs, if `nonce` will be its nonce. May do nothing. */
  ahead(what: "seal" | "open", nonce: Uint8Array): void;
  /** Overwrites the key (best effort); it can't be used afterwards. */
  wipe(): void;
}

/** All primitives of the handshake and its records. Lengths in bytes. */
export interface NoiseSuite {
  readonly name: "node" | "noble";
  sha256(data: Uint8Array): Uint8Array;
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  aead(key: Uint8Array): Aead;
  /** The public key of a private one, 32 bytes each (RFC 7748, 5). */
  x25519Public(privateKey: Uint8Array): Uint8Array;
  /** The shared secret, 32 bytes; undefined when it is all zeros, as it is for points of low order (RFC 7748, 6.1). */
  x25519Shared(privateKey: Uint8Array, peerPublic: Uint8Array): Uint8Array | undefined;
}
