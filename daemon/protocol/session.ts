/**
 * One end of a session of the native wire: bytes of streams that arrive once and
 * in order, although the connections under them are cut. Sans I/O; knows nothing
 * of streams. What is sent is kept until the other end has acknowledged it, and is
 * sent again on the next connection from where the other end has come to.
 *
 *     0 ......... acknowledged ........ written ........ sent
 *                      │ kept, and on its way │ kept, to be sent again │
 *
 * Rules, each of which the schedules in test/property/sessions.test.ts need:
 *  - Before an end says what it has received, the connection before is taken out:
 *    the caller gives no more of it to `received`.
 *  - `attempt` rises with each message 1; a server drops one that does not.
 *  - "Received" outside of [acknowledged, sent] is refused, and changes nothing.
 *  - "Received" counts what was decrypted and given to the streams, and is said
 *    whatever is full.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { FrameSource } from "./mux.ts";
import type { TakeUp } from "./native-hello.ts";
import { type Acknowledgement, RECORD, writeAcknowledgement } from "./native-records.ts";
import { MAX_RECORD_BYTES } from "./noise-record.ts";
import type { SessionTerms } from "./wire.ts";

/** Room before the frames of a record: for an acknowledgement, the longest head. */
const HEAD_BYTES = 17;
/** The most frames of a record. */
const MOST_FRAME_BYTES = MAX_RECORD_BYTES - HEAD_BYTES;

/** Our choice: what is copied to be kept is copied into pieces of this size. */
const CHUNK_BYTES = 16 * 1024;

/** Our choice: an acknowledgement frees some 64 kB at once; what is not used soon is given back (`trim`). */
const MAX_SPARES = 8;

/** Our choice: from here on the users' bytes are kept as they are; below, a copy is cheaper than to remember where they are. */
const LARGE_BYTES = 2 * 1024;

/** Plain text of the next record; used within one call only, so all sessions share it: memory that stays in the processor's cache. */
const scratch = new Uint8Array(HEAD_BYTES + MOST_FRAME_BYTES);

/** Bytes that are kept, in the order in which they were sent. */
interface Kept {
  readonly source: Uint8Array;
  readonly from: number;
  to: number;
  /** Bytes of the session up to its end. */
  endsAt: number;
}

/** Memory for copies; bytes of the session up to its end. */
interface Chunk {
  readonly bytes: Uint8Array;
  at: number;
  endsAt: number;
}

/** Bytes of streams in a record. */
export function frameBytesOf(text: Uint8Array, acknowledges: Acknowledgement | undefined): number {
  return text.length - (acknowledges ? HEAD_BYTES : 1);
}

/** Writes frames into `into` from `at` on, and tells `copied` which of them are a copy of bytes that will not change; where they end. */
export type FillFrames = (into: Uint8Array, at: number, copied: FrameSource) => number;

/** See the file's header. `wipe` it at the end. */
export class Session {
  readonly name: Uint8Array;
  readonly secret: Uint8Array;
  #receivedBytes = 0;
  #sentBytes = 0;
  #ackedBytes = 0;
  #writtenBytes = 0;
  #attempt = 0;
  readonly #kept: Kept[] = [];
  /** Index of the first in `#kept` that the present connection has not carried whole yet. */
  #next = 0;
  /** Where copies are kept, the present one last. */
  readonly #chunks: Chunk[] = [];
  /** Used again rather than made anew. */
  readonly #spares: Chunk[] = [];
  /** Up to where the record that is being filled is kept. */
  #keptTo = 0;

  constructor({ name, secret }: Pick<SessionTerms, "name" | "secret">) {
    this.name = name;
    this.secret = secret;
  }

  /** Bytes of streams that have come, since the beginning. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Bytes of streams that are kept, as the other end has not acknowledged them. */
  get keptBytes(): number {
    return this.#sentBytes - this.#ackedBytes;
  }

  /** Whether there is something to send again. */
  get sendsAgain(): boolean {
    return this.#next < this.#kept.length;
  }

  /** Bytes of streams have come, and were given to the stream layer. */
  received(count: number): void {
    this.#receivedBytes += count;
  }

  /**
   * Plain text of the next record; undefined: there is nothing to say. Valid until the next call of any session.
   * `room`: how many bytes of streams may go; with 0 only an acknowledgement does. {@link frameBytesOf} counts them.
   */
  record(room: number, fill: FillFrames, acknowledges?: Acknowledgement): Uint8Array | undefined {
    const most = Math.min(room, MOST_FRAME_BYTES);
    const end = this.sendsAgain ? this.#again(most) : this.#fresh(most, fill);
    if (end === HEAD_BYTES && !acknowledges) return undefined;
    this.#writtenBytes += end - HEAD_BYTES;
    if (!acknowledges) {
      scratch[HEAD_BYTES - 1] = RECORD.frames;
      return scratch.subarray(HEAD_BYTES - 1, end);
    }
    writeAcknowledgement(scratch, acknowledges);
    return scratch.subarray(0, end);
  }

  /** The other end has `bytes`. False: it can't have got as many on this connection; nothing is changed. */
  acknowledged(bytes: number): boolean {
    if (bytes > this.#writtenBytes) return false;
    if (bytes > this.#ackedBytes) this.#release(bytes);
    return true;
  }

  /** What the other end has is not kept. */
  #release(bytes: number): void {
    this.#ackedBytes = bytes;
    let gone = 0;
    while ((this.#kept[gone]?.endsAt ?? Number.POSITIVE_INFINITY) <= bytes) gone += 1;
    if (gone > 0) this.#kept.splice(0, gone);
    this.#next -= gone;
    while (this.#chunks.length > 1 && (this.#chunks[0]?.endsAt ?? 0) <= bytes) {
      const free = this.#chunks.shift() as Chunk;
      if (this.#spares.length < MAX_SPARES) this.#spares.push(free);
    }
  }

  /** Client: what to ask for on a new connection, once the one before is taken out. */
  nextAttempt(): TakeUp & { readonly secret: Uint8Array } {
    this.#attempt += 1;
    return { session: this.name, secret: this.secret, attempt: this.#attempt, receivedBytes: this.#receivedBytes };
  }

  /**
   * Server: the client, who has proved the secret, asks for the session. The connection before may be taken out then.
   * @throws TunnelError when the attempt is late or what it says can't be; the session is as it was
   */
  judge({ attempt, receivedBytes }: TakeUp): void {
    if (attempt <= this.#attempt) {
      throw new TunnelError(
        "PEER_CLOSED",
        message("attempt {0} to take a session up came after attempt {1}: the client has given it up", attempt, this.#attempt),
      );
    }
    this.#check(receivedBytes);
    this.#attempt = attempt;
  }

  /**
   * Goes on, on a new connection: the other end has received so many bytes.
   * @throws TunnelError RECORD_INVALID when it can't have; the session is as it was
   */
  goOn(receivedBytes: number): void {
    this.#check(receivedBytes);
    this.#release(receivedBytes);
    this.#writtenBytes = receivedBytes;
    this.#next = 0;
  }

  /** Now and then: gives memory back if nothing is kept. */
  trim(): void {
    this.#spares.length = 0;
    if (this.#kept.length === 0) this.#chunks.length = 0;
  }

  /** Forgets the secret and what is kept. */
  wipe(): void {
    this.secret.fill(0);
    this.#kept.length = 0;
    this.#next = 0;
    this.trim();
  }

  #check(receivedBytes: number): void {
    if (receivedBytes >= this.#ackedBytes && receivedBytes <= this.#sentBytes) return;
    const range = `${this.#ackedBytes}..${this.#sentBytes}`;
    throw new TunnelError("RECORD_INVALID", message("the other end says that it got {0} bytes of a session, which is outside of {1}", receivedBytes, range));
  }

  /** Frames that were never sent, into the scratch; where they end. */
  #fresh(most: number, fill: FillFrames): number {
    if (most === 0) return HEAD_BYTES;
    this.#keptTo = HEAD_BYTES;
    const end = fill(scratch.subarray(0, HEAD_BYTES + most), HEAD_BYTES, this.#onCopied);
    this.#keepCopy(end);
    this.#next = this.#kept.length;
    return end;
  }

  /** What was sent before, into the scratch; where it ends. */
  #again(most: number): number {
    let end = HEAD_BYTES;
    let at = this.#writtenBytes;
    while (end - HEAD_BYTES < most) {
      const kept = this.#kept[this.#next];
      if (!kept) break;
      const from = kept.to - (kept.endsAt - at);
      const piece = kept.source.subarray(from, Math.min(kept.to, from + most - (end - HEAD_BYTES)));
      scratch.set(piece, end);
      end += piece.length;
      at += piece.length;
      if (at === kept.endsAt) this.#next += 1;
    }
    return end;
  }

  readonly #onCopied: FrameSource = (at, bytes) => {
    if (bytes.length < LARGE_BYTES) return;
    this.#keepCopy(at);
    this.#keep(bytes, 0, bytes.length);
    this.#keptTo = at + bytes.length;
  };

  /** Keeps a copy of the scratch up to `to`. */
  #keepCopy(to: number): void {
    while (this.#keptTo < to) {
      const chunk = this.#chunkWithRoom();
      const piece = scratch.subarray(this.#keptTo, Math.min(to, this.#keptTo + CHUNK_BYTES - chunk.at));
      chunk.bytes.set(piece, chunk.at);
      this.#keep(chunk.bytes, chunk.at, chunk.at + piece.length);
      chunk.at += piece.length;
      chunk.endsAt = this.#sentBytes;
      this.#keptTo += piece.length;
    }
  }

  #chunkWithRoom(): Chunk {
    const present = this.#chunks.at(-1);
    if (present && present.at < CHUNK_BYTES) return present;
    const next = this.#spares.pop() ?? { bytes: new Uint8Array(CHUNK_BYTES), at: 0, endsAt: 0 };
    next.at = 0;
    this.#chunks.push(next);
    return next;
  }

  #keep(source: Uint8Array, from: number, to: number): void {
    this.#sentBytes += to - from;
    const last = this.#kept.at(-1);
    if (last?.source === source && last.to === from) {
      last.to = to;
      last.endsAt = this.#sentBytes;
    } else {
      this.#kept.push({ source, from, to, endsAt: this.#sentBytes });
    }
  }
}
