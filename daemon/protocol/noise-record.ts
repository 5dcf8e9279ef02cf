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
    const count = Math.ceil(plain.length / MAX_RECORD_BYTES);
    const records = new Uint8Array(plain.length + count * (LENGTH_BYTES + NOISE_TAG_BYTES));
    let at = 0;
    for (let from = 0; from < plain.length; from += MAX_RECORD_BYTES) {
      rekeyIfDue(this.#cipher, this.#rekeyEvery);
      const sealed = this.#cipher.seal(NO_BYTES, plain.subarray(from, from + MAX_RECORD_BYTES));
      records[at] = sealed.length >> 8;
      records[at + 1] = sealed.length & 0xff;
      records.set(sealed, at + LENGTH_BYTES);
      at += LENGTH_BYTES + sealed.length;
    }
    return records;
  }

  wipe(): void {
    this.#cipher.wipe();
  }
}

/** Opens what a {@link NoiseSealer} of the peer sealed. */
export class NoiseOpener {
  readonly #cipher: CipherState;
  readonly #rekeyEvery: number;
  #rest: Uint8Array = NO_BYTES;
  #failed: TunnelError | undefined;

  constructor(cipher: CipherState, rekeyEvery = REKEY_EVERY) {
    this.#cipher = cipher;
    this.#rekeyEvery = rekeyEvery;
  }

  /** Bytes of a record that is not whole yet. */
  get pendingBytes(): number {
    return this.#rest.length;
  }

  /**
   * The plain texts of the records that `sealed` completes, one for each; keeps an unfinished rest, at most one record.
   * @throws TunnelError RECORD_INVALID on the first record that the peer can't have sent next, and on every later call.
   * The records before it are lost with it.
   */
  open(sealed: Uint8Array): readonly Uint8Array[] {
    if (this.#failed) throw this.#failed;
    const bytes = this.#rest.length === 0 ? sealed : concat([this.#rest, sealed]);
    const texts: Uint8Array[] = [];
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      // Told before its bytes are there: nothing is kept for a record that can't be one.
      if (length <= NOISE_TAG_BYTES)
        throw this.#fail(new TunnelError("RECORD_INVALID", message("record {0} is too short: it was changed on the way", this.#cipher.count)));
      if (bytes.length - at - LENGTH_BYTES < length) break;
      rekeyIfDue(this.#cipher, this.#rekeyEvery);
      const text = this.#cipher.open(NO_BYTES, bytes.subarray(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
      if (!text)
        throw this.#fail(
          new TunnelError(
            "RECORD_INVALID",
            message("record {0} is not what the other end sealed: it was changed on the way, or is out of order", this.#cipher.count),
          ),
        );
      texts.push(text);
      at += LENGTH_BYTES + length;
    }
    // A copy: the caller may use the buffer again.
    this.#rest = at === bytes.length ? NO_BYTES : Uint8Array.from(bytes.subarray(at));
    return texts;
  }

  wipe(): void {
    this.#cipher.wipe();
    this.#rest = NO_BYTES;
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
