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
import type { TakeUp } from "./native-hello.ts";
import { type Acknowledgement, RECORD, writeAcknowledgement } from "./native-records.ts";
import { MAX_RECORD_BYTES } from "./noise-record.ts";
import type { SessionTerms } from "./wire.ts";

/** Room before the frames of a record: for an acknowledgement, the longest head. */
const HEAD_BYTES = 17;

/** Our choice: memory for what is kept is taken in pieces; a session that says little begins with a small one. Two of the longest records fit into a large one. */
const CHUNK_BYTES = { first: 16 * 1024, next: 128 * 1024 };

/** Our choice: with less room than this share of it, a chunk is taken for full. */
const FULL_SHARE = 8;

/** Our choice: chunks that wait to be used again; as many as a fast session has on its way. */
const MAX_SPARES = 16;

/** A record's frames. */
interface Kept {
  readonly chunk: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Bytes of the session up to its end. */
  readonly endsAt: number;
}

/** Writes frames into `into` from `at` on; where they end. */
export type FillFrames = (into: Uint8Array, at: number) => number;

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
  /** Index of the first in `#kept` that the present connection has not carried yet. */
  #next = 0;
  #chunk: Uint8Array | undefined;
  #chunkAt = 0;
  readonly #spares: Uint8Array[] = [];
  readonly #head = new Uint8Array(HEAD_BYTES);

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
   * Plain text of the next record; undefined: there is nothing to say. Valid until the next call.
   * `room`: how many bytes of streams may go; with 0 only an acknowledgement does.
   */
  record({
    room,
    fill,
    acknowledges,
  }: {
    readonly room: number;
    readonly fill: FillFrames;
    readonly acknowledges?: Acknowledgement | undefined;
  }): { readonly text: Uint8Array; readonly frameBytes: number } | undefined {
    const kept = room > 0 ? (this.#kept[this.#next] ?? this.#fill(room, fill)) : undefined;
    if (!kept) return acknowledges && { text: this.#head.subarray(0, writeAcknowledgement(this.#head, acknowledges)), frameBytes: 0 };
    const startsAt = kept.endsAt - (kept.to - kept.from);
    const from = kept.from + this.#writtenBytes - startsAt;
    const frameBytes = Math.min(room, kept.to - from);
    this.#writtenBytes += frameBytes;
    if (this.#writtenBytes === kept.endsAt) this.#next += 1;
    const isWhole = from === kept.from && frameBytes === kept.to - kept.from;
    // A part goes into memory of its own: before it stands what may have to be sent once more.
    const chunk = isWhole ? kept.chunk : new Uint8Array(HEAD_BYTES + frameBytes);
    if (!isWhole) chunk.set(kept.chunk.subarray(from, from + frameBytes), HEAD_BYTES);
    return { text: withHead(chunk, { from: isWhole ? from : HEAD_BYTES, frameBytes, acknowledges }), frameBytes };
  }

  /** The other end has `bytes`. False: it can't have got as many on this connection; nothing is changed. */
  acknowledged(bytes: number): boolean {
    if (bytes > this.#writtenBytes) return false;
    if (bytes <= this.#ackedBytes) return true;
    this.#ackedBytes = bytes;
    let gone = 0;
    while ((this.#kept[gone]?.endsAt ?? Number.POSITIVE_INFINITY) <= bytes) gone += 1;
    const released = this.#kept.splice(0, gone);
    this.#next -= gone;
    for (const [index, { chunk }] of released.entries()) {
      if (chunk !== (released[index + 1] ?? this.#kept[0])?.chunk) this.#free(chunk);
    }
    return true;
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
    this.#writtenBytes = this.#sentBytes;
    this.acknowledged(receivedBytes);
    this.#writtenBytes = receivedBytes;
    this.#next = 0;
  }

  /** Now and then: gives memory back if nothing is kept. */
  trim(): void {
    if (this.#kept.length > 0) return;
    this.#chunk = undefined;
    this.#spares.length = 0;
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

  #fill(room: number, fill: FillFrames): Kept | undefined {
    const chunk = this.#room();
    const from = this.#chunkAt + HEAD_BYTES;
    const to = fill(chunk.subarray(0, from + Math.min(room, MAX_RECORD_BYTES - HEAD_BYTES)), from);
    if (to === from) return undefined;
    this.#chunkAt = to;
    this.#sentBytes += to - from;
    const kept = { chunk, from, to, endsAt: this.#sentBytes };
    this.#kept.push(kept);
    return kept;
  }

  /** A chunk with room at `#chunkAt`. */
  #room(): Uint8Array {
    const present = this.#chunk;
    if (present && present.length - this.#chunkAt >= present.length / FULL_SHARE) return present;
    this.#chunk = this.#spares.pop() ?? new Uint8Array(present ? CHUNK_BYTES.next : CHUNK_BYTES.first);
    this.#chunkAt = 0;
    return this.#chunk;
  }

  #free(chunk: Uint8Array): void {
    if (chunk === this.#chunk) this.#chunkAt = 0;
    else if (chunk.length === CHUNK_BYTES.next && this.#spares.length < MAX_SPARES) this.#spares.push(chunk);
  }
}

/** The record whose frames are at `from`, after at least {@link HEAD_BYTES}. */
function withHead(
  chunk: Uint8Array,
  { from, frameBytes, acknowledges }: { readonly from: number; readonly frameBytes: number; readonly acknowledges: Acknowledgement | undefined },
): Uint8Array {
  if (acknowledges) {
    writeAcknowledgement(chunk.subarray(from - HEAD_BYTES), acknowledges);
    return chunk.subarray(from - HEAD_BYTES, from + frameBytes);
  }
  chunk[from - 1] = RECORD.frames;
  return chunk.subarray(from - 1, from + frameBytes);
}
