/**
 * Records of the native wire: Noise transport messages behind their length. Pure.
 *
 *      0      2
 *     +------+----------------------------+------------+
 *     | len  | cipher text                | tag        |
 *     | be16 |   1..65,519 bytes          |   16 bytes |
 *     +------+----------------------------+------------+
 *             <---------- len: 17..65,535 ------------->
 *
 * The messages of a direction are counted from 0; before each multiple of 2^20 the
 * key is replaced (rekey). A record is whole or nothing: what is not the peer's
 * next record ends the connection.
 *
 * Spec: Noise, revision 34: 3 (message format), 11.3 (rekey)
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { concat } from "./keys.ts";
import { type CipherState, MAX_NOISE_BYTES, NOISE_TAG_BYTES } from "./noise.ts";

const LENGTH_BYTES = 2;
/** The most plain text of one record. */
export const MAX_RECORD_BYTES = MAX_NOISE_BYTES - NOISE_TAG_BYTES;
/** Our choice, far below GCM's bounds: 2^20 records of 64 kB are 2^32 blocks (NIST SP 800-38D, 8.3). */
export const REKEY_EVERY = 2 ** 20;

const NO_BYTES = new Uint8Array(0);

/** Seals plain text for one direction. */
export class NoiseSealer {
  readonly #cipher: CipherState;
  readonly #rekeyEvery: number;

  /** `rekeyEvery`: an argument, so that a test need not seal a million records. */
  constructor(cipher: CipherState, rekeyEvery = REKEY_EVERY) {
    this.#cipher = cipher;
    this.#rekeyEvery = rekeyEvery;
  }

  /** All of `plain`, in as few records as hold it; none for no bytes. */
  seal(plain: Uint8Array): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let from = 0; from < plain.length; from += MAX_RECORD_BYTES) pieces.push(...this.sealInPieces(plain.subarray(from, from + MAX_RECORD_BYTES)));
    return concat(pieces);
  }

  /** One record of 1 to {@link MAX_RECORD_BYTES} bytes, in pieces that belong one behind the other: for long ones, which are not worth a copy. */
  sealInPieces(plain: Uint8Array): readonly Uint8Array[] {
    rekeyIfDue(this.#cipher, this.#rekeyEvery);
    const [text, tag] = this.#cipher.sealInPieces(NO_BYTES, plain);
    const length = text.length + tag.length;
    return [Uint8Array.of(length >> 8, length & 0xff), text, tag];
  }

  /** For idle time: makes the next `seal` quicker. */
  ahead(): void {
    this.#cipher.ahead("seal");
  }

  wipe(): void {
    this.#cipher.wipe();
  }
}

/** Opens what a {@link NoiseSealer} of the peer sealed. */
export class NoiseOpener {
  readonly #cipher: CipherState;
  readonly #rekeyEvery: number;
  /** The beginning of a record that is not whole yet: so many bytes of room that has the record's size, or more. */
  #begun: Uint8Array = NO_BYTES;
  #begunBytes = 0;
  #begunSize = 0;
  #failed: TunnelError | undefined;

  constructor(cipher: CipherState, rekeyEvery = REKEY_EVERY) {
    this.#cipher = cipher;
    this.#rekeyEvery = rekeyEvery;
  }

  /** Bytes of a record that is not whole yet. */
  get pendingBytes(): number {
    return this.#begunBytes;
  }

  /**
   * The plain texts of the records that `sealed` completes, one for each; keeps an unfinished rest, at most one record.
   * @throws TunnelError RECORD_INVALID on the first record that the peer can't have sent next, and on every later call.
   * The records before it are lost with it.
   */
  open(sealed: Uint8Array): readonly Uint8Array[] {
    if (this.#failed) throw this.#failed;
    const texts: Uint8Array[] = [];
    let at = this.#finishBegun(sealed, texts);
    while (sealed.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + this.#lengthAt(sealed, at);
      if (end > sealed.length) break;
      texts.push(this.#openOne(sealed.subarray(at + LENGTH_BYTES, end)));
      at = end;
    }
    if (at < sealed.length) this.#begin(sealed.subarray(at));
    return texts;
  }

  /** For idle time: makes the next `open` quicker. */
  ahead(): void {
    this.#cipher.ahead("open");
  }

  wipe(): void {
    this.#cipher.wipe();
    this.#begun = NO_BYTES;
    this.#begunBytes = 0;
  }

  /** Goes on with the record that has begun; how much of `sealed` it took. */
  #finishBegun(sealed: Uint8Array, texts: Uint8Array[]): number {
    let at = 0;
    while (this.#begunBytes > 0 && at < sealed.length) {
      const piece = sealed.subarray(at, at + this.#begunSize - this.#begunBytes);
      this.#begun.set(piece, this.#begunBytes);
      this.#begunBytes += piece.length;
      at += piece.length;
      if (this.#begunBytes < this.#begunSize) break;
      this.#begunBytes = 0;
      if (this.#begunSize === LENGTH_BYTES) this.#begin(this.#begun.subarray(0, LENGTH_BYTES));
      else texts.push(this.#openOne(this.#begun.subarray(LENGTH_BYTES, this.#begunSize)));
    }
    return at;
  }

  /** Keeps the beginning of a record: a copy, as the caller may use the buffer again. */
  #begin(head: Uint8Array): void {
    this.#begunSize = head.length < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + this.#lengthAt(head, 0);
    // Used again for the next one: zeroing new memory for each costs as much as decrypting it.
    if (this.#begun.length < this.#begunSize) this.#begun = new Uint8Array(this.#begunSize);
    this.#begun.set(head);
    this.#begunBytes = head.length;
  }

  /** Told before its bytes are there: nothing is kept for a record that can't be one. */
  #lengthAt(bytes: Uint8Array, at: number): number {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (length > NOISE_TAG_BYTES) return length;
    throw this.#fail(new TunnelError("RECORD_INVALID", message("record {0} is too short: it was changed on the way", this.#cipher.count)));
  }

  #openOne(sealed: Uint8Array): Uint8Array {
    rekeyIfDue(this.#cipher, this.#rekeyEvery);
    const text = this.#cipher.open(NO_BYTES, sealed);
    if (text) return text;
    throw this.#fail(
      new TunnelError(
        "RECORD_INVALID",
        message("record {0} is not what the other end sealed: it was changed on the way, or is out of order", this.#cipher.count),
      ),
    );
  }

  #fail(failure: TunnelError): TunnelError {
    this.#failed = failure;
    this.wipe();
    return this.#failed;
  }
}

function rekeyIfDue(cipher: CipherState, every: number): void {
  if (cipher.count > 0 && cipher.count % every === 0) cipher.rekey();
}
