/**
 * The primitives of the spiped protocol behind one small interface.
 *
 * Two implementations stand behind it: native (`node-suite.ts`, node:crypto) and
 * portable (`noble-suite.ts`, @noble/*). Both must give the same bytes for the
 * same input; `select-suite.ts` picks one. Nothing here knows about packets,
 * nonces of a handshake or key files: that is `protocol/`.
 */

/**
 * AES-256-CTR over many short messages, each with a nonce of its own.
 * The counter block is be64(nonce) ‖ be64(block index), the index from 0 in each message.
 */
export interface MessageCipher {
  /**
   * Encrypts or decrypts (the same operation) in place `layout.count` messages of `layout.messageBytes`
   * that start every `layout.strideBytes` in `buffer`; message i uses the nonce `firstNonce + i`.
   * `buffer.byteOffset`, messageBytes and strideBytes must be multiples of 4.
   */
  apply(buffer: Uint8Array, firstNonce: number, layout: MessageLayout): void;
  /** Overwrites what it holds of the key and the key stream (best effort); it can't be used afterwards. */
  wipe(): void;
}

/** Where the messages of one batch lie; all in bytes. */
export interface MessageLayout {
  readonly count: number;
  readonly messageBytes: number;
  readonly strideBytes: number;
}

/**
 * HMAC-SHA256 over a message followed by be64(sequence number), the 32-byte tag standing right behind the message.
 * Works on many packets at once, like {@link MessageCipher}: packet i starts at i × strideBytes and has the
 * sequence number `firstSequence + i`.
 */
export interface SequenceMac {
  /** Writes the tag of each packet. */
  sign(buffer: Uint8Array, firstSequence: number, layout: MessageLayout): void;
  /** The index of the first packet whose tag is wrong, or -1; each comparison is constant time. */
  firstInvalid(buffer: Uint8Array, firstSequence: number, layout: MessageLayout): number;
  /** Overwrites what it holds of the key (best effort); it can't be used afterwards. */
  wipe(): void;
}

/** All primitives the protocol needs. Lengths in bytes; big-endian numbers are fixed-length. */
export interface CipherSuite {
  readonly name: "node" | "noble";
  sha256(data: Uint8Array): Uint8Array;
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** PBKDF2-HMAC-SHA256 with one iteration (RFC 8018, 5.2). */
  pbkdf2Sha256Once(password: Uint8Array, salt: Uint8Array, outputBytes: number): Uint8Array;
  /** Whether two byte strings are equal; constant time when the lengths are. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** `bytes` bytes of uninitialised memory, at an offset that {@link MessageCipher} takes. */
  allocate(bytes: number): Uint8Array;
  messageCipher(key: Uint8Array): MessageCipher;
  /** A MAC for messages of `messageBytes` each. */
  sequenceMac(key: Uint8Array, messageBytes: number): SequenceMac;
  /** 2^x mod p in group 14 (RFC 3526), 256 bytes; `privateValue` is x, 32 bytes, not 0. */
  dhPublic(privateValue: Uint8Array): Uint8Array;
  /** y^x mod p in group 14, 256 bytes; `peerPublic` is y, 256 bytes, below p (any such value, 0, 1 and p-1 too). */
  dhShared(peerPublic: Uint8Array, privateValue: Uint8Array): Uint8Array;
}
