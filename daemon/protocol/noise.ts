/**
 * The handshake of the native wire: Noise_NNpsk0_25519_AESGCM_SHA256, sans I/O,
 * and the cipher states that come out of it. Pure: messages in, messages out.
 *
 *     client (initiator)                       server (responder)
 *        │  -> psk, e   payload 1                    │   the tag is checked before any X25519
 *        │ ────────────────────────────────────────► │
 *        │  <- e, ee    payload 2                    │
 *        │ ◄──────────────────────────────────────── │
 *        split: one key for each direction
 *
 * Spec: the Noise Protocol Framework, revision 34: 4 (crypto functions), 5
 * (processing rules), 7.5 and 9 (the pattern and its psk), 11.3 (rekey).
 */
import type { Aead, NoiseSuite } from "../crypto/noise-suite.ts";
import { concat } from "./keys.ts";

/** Revision 34, 8: the name is exactly as long as the hash, so it is the first handshake hash as it stands (5.2). */
const PROTOCOL_NAME = "Noise_NNpsk0_25519_AESGCM_SHA256";
/** Revision 34, 4.1 and 4.3: DHLEN and HASHLEN. */
const DH_BYTES = 32;
const HASH_BYTES = 32;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
/** Revision 34, 3: no message is longer. */
export const MAX_NOISE_BYTES = 65_535;
/** What a transport message adds to its plain text. */
export const NOISE_TAG_BYTES = TAG_BYTES;
/** A handshake message without its payload: e, and the tag of the payload. */
export const HANDSHAKE_OVERHEAD_BYTES = DH_BYTES + TAG_BYTES;

const NO_BYTES = new Uint8Array(0);

/** What either side begins with. */
export interface NoiseStart {
  readonly suite: NoiseSuite;
  /** 32 bytes that both sides share. */
  readonly psk: Uint8Array;
  /** Bytes that both sides have seen before: a difference makes the first message fail. */
  readonly prologue: Uint8Array;
  /** A fresh private key, 32 random bytes, used for this handshake alone; overwritten when the handshake ends. */
  readonly ephemeral: Uint8Array;
}

/** The end of a handshake. */
export interface NoiseTransport {
  readonly send: CipherState;
  readonly receive: CipherState;
  /** Revision 34, 11.2: names this connection; the same at both ends, and no secret. */
  readonly handshakeHash: Uint8Array;
}

/** A payload as it is, or made from the handshake hash that goes before it. */
type Payload = Uint8Array | ((hash: Uint8Array) => Uint8Array);

/** A payload of the other side, and the handshake hash before it. */
interface Received {
  readonly payload: Uint8Array;
  readonly hash: Uint8Array;
}

/** A key and its count of messages (revision 34, 5.1). `wipe` it at the end. */
export class CipherState {
  readonly #suite: NoiseSuite;
  #aead: Aead;
  #count = 0;
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  readonly #view = new DataView(this.#nonce.buffer);

  constructor(suite: NoiseSuite, key: Uint8Array) {
    this.#suite = suite;
    this.#aead = suite.aead(key);
  }

  /** How many messages this key state has sealed or opened: n of the specification. */
  get count(): number {
    return this.#count;
  }

  /** EncryptWithAd. @throws RangeError when the count would leave the range of exact integers */
  seal(associated: Uint8Array, plain: Uint8Array): Uint8Array {
    return concat(this.sealInPieces(associated, plain));
  }

  /** EncryptWithAd, cipher text and tag apart. @throws RangeError as `seal` */
  sealInPieces(associated: Uint8Array, plain: Uint8Array): readonly [Uint8Array, Uint8Array] {
    return this.#aead.seal(this.#next(), associated, plain);
  }

  /** DecryptWithAd; undefined when the message is not what the other side sealed as its next one. The count does not rise then. */
  open(associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const plain = this.#aead.open(this.#next(), associated, sealed);
    if (!plain) this.#count -= 1;
    return plain;
  }

  /** For idle time: does now what the next message needs, as far as that can be done without it. `what` this state is for. */
  ahead(what: "seal" | "open"): void {
    this.#aead.ahead(what, this.#next());
    this.#count -= 1;
  }

  /** Replaces the key by one that does not lead back to it (revision 34, 4.2 and 11.3); the count goes on. */
  rekey(): void {
    // Nonce 2^64 - 1, which no message ever has; the tag is dropped.
    this.#nonce.fill(0xff);
    this.#nonce.fill(0, 0, 4);
    const [key] = this.#aead.seal(this.#nonce, NO_BYTES, new Uint8Array(DH_BYTES));
    this.#aead.wipe();
    this.#aead = this.#suite.aead(key);
    key.fill(0);
  }

  wipe(): void {
    this.#aead.wipe();
  }

  /** AESGCM (revision 34, 12.4): 32 zero bits ‖ be64(n). */
  #next(): Uint8Array {
    if (!Number.isSafeInteger(this.#count + 1)) throw new RangeError("a key has sealed all the messages that it can count");
    this.#view.setUint32(0, 0);
    this.#view.setUint32(4, Math.floor(this.#count / 2 ** 32));
    this.#view.setUint32(8, this.#count >>> 0);
    this.#count += 1;
    return this.#nonce;
  }
}

/** Chaining key, handshake hash and the key of the payload (revision 34, 5.2). */
class SymmetricState {
  readonly #suite: NoiseSuite;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  constructor(suite: NoiseSuite, prologue: Uint8Array) {
    this.#suite = suite;
    this.#hash = Uint8Array.from(PROTOCOL_NAME, (char) => char.charCodeAt(0));
    this.#chainingKey = Uint8Array.from(this.#hash);
    this.mixHash(prologue);
  }

  get hash(): Uint8Array {
    return this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#suite.sha256(concat([this.#hash, data]));
  }

  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = this.#hkdf(input, 2);
    this.#take(chainingKey, key);
  }

  mixKeyAndHash(input: Uint8Array): void {
    const [chainingKey, hash, key] = this.#hkdf(input, 3);
    this.mixHash(hash as Uint8Array);
    this.#take(chainingKey, key);
  }

  encryptAndHash(plain: Uint8Array): Uint8Array {
    const sealed = (this.#cipher as CipherState).seal(this.#hash, plain);
    this.mixHash(sealed);
    return sealed;
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array | undefined {
    const plain = (this.#cipher as CipherState).open(this.#hash, sealed);
    if (plain) this.mixHash(sealed);
    return plain;
  }

  /** The keys of the initiator's direction and of the responder's. */
  split(): readonly [CipherState, CipherState] {
    const [first, second] = this.#hkdf(NO_BYTES, 2).map((key) => {
      const cipher = new CipherState(this.#suite, key);
      key.fill(0);
      return cipher;
    });
    this.wipe();
    return [first as CipherState, second as CipherState];
  }

  wipe(): void {
    this.#chainingKey.fill(0);
    this.#cipher?.wipe();
  }

  #take(chainingKey: Uint8Array | undefined, key: Uint8Array | undefined): void {
    this.wipe();
    this.#chainingKey = chainingKey as Uint8Array;
    this.#cipher = new CipherState(this.#suite, key as Uint8Array);
    key?.fill(0);
  }

  /** HKDF of revision 34, 4.3. */
  #hkdf(input: Uint8Array, outputs: 2 | 3): Uint8Array[] {
    const secret = this.#suite.hmacSha256(this.#chainingKey, input);
    const all: Uint8Array[] = [];
    let last: Uint8Array = NO_BYTES;
    for (let index = 1; index <= outputs; index++) {
      last = this.#suite.hmacSha256(secret, concat([last, Uint8Array.of(index)]));
      all.push(last);
    }
    secret.fill(0);
    return all;
  }
}

/** The client's side. Call `first`, then `second`; or `wipe`. */
export class NoiseInitiator {
  readonly #start: NoiseStart;
  readonly #state: SymmetricState;

  constructor(start: NoiseStart) {
    this.#start = start;
    this.#state = begun(start);
  }

  /**
   * Message 1: -> psk, e. What `payload` says can be read by whoever holds the psk, for ever: it has no forward secrecy.
   * A payload may depend on the hash after e.
   */
  first(payload: Payload): Uint8Array {
    const { suite, ephemeral } = this.#start;
    const e = sendE(this.#state, suite.x25519Public(ephemeral));
    return concat([e, this.#state.encryptAndHash(made(payload, this.#state))]);
  }

  /** Takes message 2: <- e, ee. undefined: it is not an answer of somebody who holds the psk and has seen message 1; everything is wiped then. */
  second(message: Uint8Array): (Received & { readonly transport: NoiseTransport }) | undefined {
    const { suite, ephemeral } = this.#start;
    const received = message.length < HANDSHAKE_OVERHEAD_BYTES ? undefined : this.#read(message, suite.x25519Shared(ephemeral, message.subarray(0, DH_BYTES)));
    ephemeral.fill(0);
    if (!received) {
      this.#state.wipe();
      return undefined;
    }
    const handshakeHash = this.#state.hash;
    const [send, receive] = this.#state.split();
    return { ...received, transport: { send, receive, handshakeHash } };
  }

  #read(message: Uint8Array, shared: Uint8Array | undefined): Received | undefined {
    if (!shared) return undefined;
    receiveE(this.#state, message);
    this.#state.mixKey(shared);
    shared.fill(0);
    return received(this.#state, message);
  }

  /** Gives the handshake up. */
  wipe(): void {
    this.#start.ephemeral.fill(0);
    this.#state.wipe();
  }
}

/** The server's side. Call `first`, then `second`; or `wipe`. */
export class NoiseResponder {
  readonly #start: NoiseStart;
  readonly #state: SymmetricState;
  #peer: Uint8Array | undefined;

  constructor(start: NoiseStart) {
    this.#start = start;
    this.#state = begun(start);
  }

  /**
   * Takes message 1; its payload. undefined: whoever sent it does not hold the psk, or has seen another prologue. Costs
   * hashes and one AES-GCM, and no X25519: a stranger can cause no more. Everything is wiped then.
   */
  first(message: Uint8Array): Received | undefined {
    const first = message.length < HANDSHAKE_OVERHEAD_BYTES ? undefined : this.#readFirst(message);
    if (!first) {
      this.#peer = undefined;
      this.wipe();
    }
    return first;
  }

  /** Message 2, and the keys; a payload may depend on the hash after ee. undefined: the client's e is a point of low order, which gives no secret; everything is wiped then. */
  second(payload: Payload): { readonly message: Uint8Array; readonly transport: NoiseTransport } | undefined {
    const { suite, ephemeral } = this.#start;
    if (!this.#peer) throw new RangeError("message 1 has not been accepted");
    const shared = suite.x25519Shared(ephemeral, this.#peer);
    if (!shared) {
      this.wipe();
      return undefined;
    }
    const e = sendE(this.#state, suite.x25519Public(ephemeral));
    ephemeral.fill(0);
    this.#state.mixKey(shared);
    shared.fill(0);
    const message = concat([e, this.#state.encryptAndHash(made(payload, this.#state))]);
    const handshakeHash = this.#state.hash;
    const [receive, send] = this.#state.split();
    return { message, transport: { send, receive, handshakeHash } };
  }

  /** Gives the handshake up. */
  wipe(): void {
    this.#start.ephemeral.fill(0);
    this.#state.wipe();
  }

  #readFirst(message: Uint8Array): Received | undefined {
    this.#peer = Uint8Array.from(receiveE(this.#state, message));
    return received(this.#state, message);
  }
}

/** The prologue, and the token psk, which stands first in both roles. */
function begun({ suite, psk, prologue }: NoiseStart): SymmetricState {
  if (psk.length !== HASH_BYTES) throw new RangeError("a psk has 32 bytes");
  const state = new SymmetricState(suite, prologue);
  state.mixKeyAndHash(psk);
  return state;
}

/** Token e, sending. In patterns with a psk it goes into the key as well (revision 34, 9.2). */
function sendE(state: SymmetricState, publicKey: Uint8Array): Uint8Array {
  state.mixHash(publicKey);
  state.mixKey(publicKey);
  return publicKey;
}

/** Token e, receiving: the peer's public key. */
function receiveE(state: SymmetricState, message: Uint8Array): Uint8Array {
  return sendE(state, message.subarray(0, DH_BYTES));
}

function made(payload: Payload, { hash }: SymmetricState): Uint8Array {
  return typeof payload === "function" ? payload(hash) : payload;
}

/** What stands behind e in a message of the other side. */
function received(state: SymmetricState, message: Uint8Array): Received | undefined {
  const { hash } = state;
  const payload = state.decryptAndHash(message.subarray(DH_BYTES));
  return payload && { payload, hash };
}
