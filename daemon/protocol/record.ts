/**
 * The record layer: plain text to and from 1060-byte packets (spiped's DESIGN.md,
 * "Thereafter, the client and server exchange …"). Pure; works on whole reads,
 * a batch of packets at a time.
 *
 *      0                       1024      1028                       1060
 *     +-------------------------+---------+--------------------------+
 *     | message ‖ zero padding  | length  | HMAC-SHA256(H,           |
 *     |       1..1024 bytes     |  be32   |   sealed part ‖ be64(n)) |
 *     +-------------------------+---------+--------------------------+
 *      <------ AES-256-CTR(E), nonce n -->
 *
 * n counts the packets of a direction from 0.
 */

import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { CipherSuite, MessageCipher, SequenceMac } from "../crypto/suite.ts";
import { LENGTH_BYTES, MAX_MESSAGE_BYTES, PACKET_BYTES, SEALED_BYTES } from "./constants.ts";
import type { DirectionKeys } from "./keys.ts";

const NO_BYTES = new Uint8Array(0);

/** Seals plain text for one direction of a connection. */
export class RecordSealer {
  readonly #suite: CipherSuite;
  readonly #cipher: MessageCipher;
  readonly #mac: SequenceMac;
  #sequence = 0;

  constructor(suite: CipherSuite, keys: DirectionKeys) {
    this.#suite = suite;
    this.#cipher = suite.messageCipher(keys.encryption);
    this.#mac = suite.sequenceMac(keys.mac, SEALED_BYTES);
  }

  /** All of `plain`, in ceil(length / 1024) packets; no packet if `plain` is empty. */
  seal(plain: Uint8Array): Uint8Array {
    const count = Math.ceil(plain.length / MAX_MESSAGE_BYTES);
    const first = this.#sequence;
    this.#sequence = advance(first, count);
    const packets = this.#suite.allocate(count * PACKET_BYTES);
    for (let index = 0; index < count; index++) {
      const from = index * MAX_MESSAGE_BYTES;
      const length = Math.min(MAX_MESSAGE_BYTES, plain.length - from);
      const at = index * PACKET_BYTES;
      packets.set(count === 1 ? plain : plain.subarray(from, from + length), at);
      packets.fill(0, at + length, at + MAX_MESSAGE_BYTES + LENGTH_BYTES);
      // be32(length); the length never needs more than its lower half.
      packets[at + MAX_MESSAGE_BYTES + 2] = length >> 8;
      packets[at + MAX_MESSAGE_BYTES + 3] = length & 0xff;
    }
    const layout = { count, messageBytes: SEALED_BYTES, strideBytes: PACKET_BYTES };
    this.#cipher.apply(packets, first, layout);
    this.#mac.sign(packets, first, layout);
    return packets;
  }

  wipe(): void {
    this.#cipher.wipe();
    this.#mac.wipe();
  }
}

/** Opens the packets of one direction of a connection; after its first failure it stays failed. */
export class RecordOpener {
  readonly #suite: CipherSuite;
  readonly #cipher: MessageCipher;
  readonly #mac: SequenceMac;
  #sequence = 0;
  #failure: TunnelError | undefined;
  /** An unfinished packet; only its first `#partialBytes` bytes are filled. Made when first needed. */
  #partial = NO_BYTES;
  #partialBytes = 0;

  constructor(suite: CipherSuite, keys: DirectionKeys) {
    this.#suite = suite;
    this.#cipher = suite.messageCipher(keys.encryption);
    this.#mac = suite.sequenceMac(keys.mac, SEALED_BYTES);
  }

  /** Bytes of an unfinished packet held back. */
  get pendingBytes(): number {
    return this.#partialBytes;
  }

  /**
   * The plain text of every packet that `bytes` completes, in one piece.
   * @throws TunnelError RECORD_INVALID on a wrong MAC or length; nothing of that batch is given out.
   */
  open(bytes: Uint8Array): Uint8Array {
    if (this.#failure) throw this.#failure;
    try {
      return this.#open(bytes);
    } catch (error) {
      this.#failure = error instanceof TunnelError ? error : new TunnelError("RECORD_INVALID", message("a packet could not be opened"), { cause: error });
      throw this.#failure;
    }
  }

  wipe(): void {
    this.#cipher.wipe();
    this.#mac.wipe();
  }

  #open(bytes: Uint8Array): Uint8Array {
    const available = this.#partialBytes + bytes.length;
    const count = Math.floor(available / PACKET_BYTES);
    if (count === 0) {
      this.#hold(bytes);
      return NO_BYTES;
    }
    const first = this.#sequence;
    this.#sequence = advance(first, count);
    // Sealed parts are gathered without their MACs as they verify, decrypted in one go, then packed tight.
    const plain = this.#suite.allocate(count * SEALED_BYTES);
    let taken = 0;
    let done = 0;
    if (this.#partialBytes > 0) {
      taken = PACKET_BYTES - this.#partialBytes;
      this.#hold(bytes.subarray(0, taken));
      this.#partialBytes = 0;
      this.#verify(this.#partial, first, 1);
      plain.set(this.#partial.subarray(0, SEALED_BYTES));
      done = 1;
    }
    const whole = bytes.subarray(taken, taken + (count - done) * PACKET_BYTES);
    this.#verify(whole, first + done, count - done);
    for (let offset = 0; offset < whole.length; offset += PACKET_BYTES, done++) {
      plain.set(whole.subarray(offset, offset + SEALED_BYTES), done * SEALED_BYTES);
    }
    this.#hold(bytes.subarray(taken + whole.length));
    this.#cipher.apply(plain, first, { count, messageBytes: SEALED_BYTES, strideBytes: SEALED_BYTES });
    return pack(plain, { count, firstSequence: first });
  }

  #verify(packets: Uint8Array, firstSequence: number, count: number): void {
    const invalid = this.#mac.firstInvalid(packets, firstSequence, { count, messageBytes: SEALED_BYTES, strideBytes: PACKET_BYTES });
    if (invalid < 0) return;
    throw new TunnelError("RECORD_INVALID", message("packet {0} has a wrong MAC: it was changed on the way, or is out of order", firstSequence + invalid));
  }

  /** Appends `bytes` to the bytes held already; they never complete more than one packet. */
  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#partial.length === 0) this.#partial = new Uint8Array(PACKET_BYTES);
    this.#partial.set(bytes, this.#partialBytes);
    this.#partialBytes += bytes.length;
  }
}

/** Moves the messages of decrypted packets together, in place; checks each length first. */
function pack(plain: Uint8Array, batch: { readonly count: number; readonly firstSequence: number }): Uint8Array {
  let end = 0;
  for (let index = 0; index < batch.count; index++) {
    const start = index * SEALED_BYTES;
    const length = readLength(plain, start + MAX_MESSAGE_BYTES);
    if (length === 0 || length > MAX_MESSAGE_BYTES) {
      throw new TunnelError(
        "RECORD_INVALID",
        message("packet {0} says it holds {1} bytes; 1 to {2} are allowed", batch.firstSequence + index, length, MAX_MESSAGE_BYTES),
      );
    }
    if (end !== start) plain.copyWithin(end, start, start + length);
    end += length;
  }
  return plain.subarray(0, end);
}

/** be32 at `at`. */
function readLength(bytes: Uint8Array, at: number): number {
  let length = 0;
  for (let index = 0; index < LENGTH_BYTES; index++) length = length * 256 + (bytes[at + index] ?? 0);
  return length;
}

/** Packet numbers never wrap: 2^53 packets are 8 exabytes, so a connection that gets there is broken. */
function advance(sequence: number, count: number): number {
  const next = sequence + count;
  if (!Number.isSafeInteger(next)) throw new TunnelError("RECORD_INVALID", message("the connection has used up its packet numbers"));
  return next;
}
