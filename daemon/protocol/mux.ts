/**
 * Many streams on one connection: yamux, sans I/O. Bytes of the peer go into
 * `receive`, frames for the peer come out of `fill`.
 *
 *     open ──goAway()──► leaving (streams go on, none is opened) ──► over
 *       └──a rule broken by the peer: `receive` throws──► over
 *
 * Beyond the specification, both ends of the native wire state how many bytes
 * they hold for the session, and then how many they have released. What may be
 * outstanding on one stream is what is still free of that (Choudhury and Hahne,
 * "Dynamic queue length thresholds", 1998, with alpha 1): streams whose receivers
 * stop reading take ever less. 32 kB are always left for each, so that none stands
 * still for another's sake.
 *
 * Spec: hashicorp/yamux, its specification.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { concat } from "./keys.ts";
import { FLAG, FRAME, type FrameHeader, type GO_AWAY, INITIAL_WINDOW_BYTES, MUX_HEADER_BYTES, readHeader, writeHeader } from "./mux-frame.ts";
import { MuxStream, type StreamOwner } from "./mux-stream.ts";
import type { Role } from "./wire.ts";

/** What a mux is told, and whom it tells. */
export interface MuxOptions {
  readonly role: Role;
  /** Bytes that the peer holds for us, over all streams; Infinity: a peer that states nothing, as any other yamux. */
  readonly peerHoldsBytes: number;
  /** Bytes that we hold for the peer, over all streams; more of them end the session. */
  readonly holdsBytes: number;
  /** What either side may send on a new stream; default: yamux's 256 kB. Both ends must have the same. */
  readonly windowBytes?: number;
  /** Streams at once; a SYN above it is answered by RST. */
  readonly maxStreams: number;
  /** A clock in milliseconds that never goes back. */
  readonly nowMs: () => number;
  /** The peer has opened a stream: set its `user` before this returns. */
  readonly onStream: (stream: MuxStream) => void;
  /** `fill` has something to write, or more than before. */
  readonly onOutput: () => void;
  readonly onPong: (value: number) => void;
  /** The peer takes no more streams. */
  readonly onGoAway: (reason: number) => void;
}

/** Bytes from `at` on are a copy of these, which will not change. */
export type FrameSource = (at: number, bytes: Uint8Array) => void;

/** What every stream may send, however little is left of what the other end holds. */
const FLOOR_BYTES = 32 * 1024;

/** Our choice: answers that wait because the peer does not read; one more ends the session. */
const MAX_WAITING_FRAMES = 1_024;

/** Our choice: pings that are answered; more of them in a second are dropped. */
const PINGS_A_SECOND = 10;

/** Ids are 32 bits; a session stops opening streams long before that. */
const LAST_ID = 2 ** 31;

const NO_BYTES = new Uint8Array(0);

/** See the file's header. */
export class Mux {
  readonly #options: MuxOptions;
  readonly #streams = new Map<number, MuxStream>();
  /** Streams with frames to send, in the order of their turns. */
  readonly #ready = new Set<MuxStream>();
  /** Whole frames of the session, before those of any stream. */
  readonly #control: Uint8Array[] = [];
  /** The last value to answer: one answer is enough for any number of pings. */
  #pong: number | undefined;
  readonly #pings = { sinceMs: Number.NEGATIVE_INFINITY, count: 0 };
  readonly #owner: StreamOwner;
  #nextId: number;
  #lastPeerId = 0;
  /** Bytes of data, since the beginning. */
  #sentBytes = 0;
  #peerReleasedBytes = 0;
  #receivedBytes = 0;
  #heldBytes = 0;
  /** The most streams there have been at once. */
  #mostStreams = 0;
  /** The beginning of a header. */
  #rest: Uint8Array = NO_BYTES;
  /** Bytes of the present data frame that are still to come, and their header. */
  #left = 0;
  #frame: FrameHeader | undefined;
  #leaves = false;
  #failed: TunnelError | undefined;
  /** Whom the present `fill` tells of what it copies. */
  #copied: FrameSource | undefined;

  constructor(options: MuxOptions) {
    this.#options = options;
    this.#nextId = options.role === "client" ? 1 : 2;
    this.#owner = {
      ready: (stream) => this.#makeReady(stream),
      allowance: (outstanding) => Math.max(FLOOR_BYTES, options.peerHoldsBytes - this.outstandingBytes) - outstanding,
      sent: (count) => {
        this.#sentBytes += count;
      },
      copied: (at, bytes) => this.#copied?.(at, bytes),
      heldBy: (change) => {
        this.#heldBytes += change;
      },
      over: (stream) => this.#forget(stream),
      resetByUs: (stream) => {
        this.#forget(stream);
        // The peer has never heard of a stream whose SYN is not out.
        if (stream.isAnnounced) this.#send({ type: FRAME.windowUpdate, flags: FLAG.rst, id: stream.id, length: 0 });
      },
    };
  }

  /** Streams that are not over. */
  get streams(): ReadonlyMap<number, MuxStream> {
    return this.#streams;
  }

  /** Bytes of data that the peer has not released. */
  get outstandingBytes(): number {
    return this.#sentBytes - this.#peerReleasedBytes;
  }

  /** Bytes that were given to users and are not consumed. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes of data that have come and are not held any more, since the beginning: what the peer is told. */
  get releasedBytes(): number {
    return this.#receivedBytes - this.#heldBytes;
  }

  /** What the peer says of its {@link releasedBytes}. False: it can't have released that much. */
  peerReleased(bytes: number): boolean {
    if (bytes > this.#sentBytes) return false;
    // A stream that waits for room is credited sooner or later, and asks again then.
    this.#peerReleasedBytes = Math.max(this.#peerReleasedBytes, bytes);
    return true;
  }

  /** Whether `fill` would write something. */
  get hasOutput(): boolean {
    return this.#control.length > 0 || this.#pong !== undefined || this.#ready.size > 0;
  }

  /** Streams that have something to send. */
  get readyStreams(): number {
    return this.#ready.size;
  }

  /** Whether a stream can be opened. */
  get canOpen(): boolean {
    return (
      !this.#leaves && !this.#failed && this.#nextId < LAST_ID && this.#streams.size < this.#options.maxStreams && this.#control.length < MAX_WAITING_FRAMES
    );
  }

  /** Opens a stream; the peer hears of it with the next frames. @throws RangeError unless {@link canOpen} */
  open(): MuxStream {
    if (!this.canOpen) throw new RangeError("no stream can be opened");
    const stream = this.#add(this.#nextId, "here");
    this.#nextId += 2;
    this.#makeReady(stream);
    return stream;
  }

  /** Asks for an answer; `value` has 32 bits. */
  ping(value: number): void {
    this.#send({ type: FRAME.ping, flags: FLAG.syn, id: 0, length: value });
  }

  /** Opens no more streams and tells the peer to open none. */
  goAway(reason: (typeof GO_AWAY)[keyof typeof GO_AWAY]): void {
    this.#leaves = true;
    this.#send({ type: FRAME.goAway, flags: 0, id: 0, length: reason });
  }

  /** The connection is gone: cuts every stream. */
  end(): void {
    this.#failed ??= new TunnelError("PEER_CLOSED", message("the session is over"));
    for (const stream of [...this.#streams.values()]) stream.cut("session");
    this.#streams.clear();
    this.#ready.clear();
  }

  /**
   * Writes frames into `into` from `at` on, as many as have room; where they end. Streams have their turns, so that none
   * waits for more than one turn of each other. `copied` is told of users' bytes, in their order.
   */
  fill(into: Uint8Array, at: number, copied?: FrameSource): number {
    this.#copied = copied;
    let end = this.#fillControl(into, at);
    while (this.#ready.size > 0 && into.length - end > MUX_HEADER_BYTES) {
      const [stream] = this.#ready as unknown as [MuxStream];
      this.#ready.delete(stream);
      const filled = stream.fill(into, end, this.#ready.size === 0);
      end = filled.end;
      if (filled.more) this.#ready.add(stream);
    }
    return end;
  }

  /**
   * Takes the next bytes of the peer, split anywhere.
   * @throws TunnelError RECORD_INVALID when they break a rule, and on every later call; say `goAway` and close.
   */
  receive(bytes: Uint8Array): void {
    if (this.#failed) throw this.#failed;
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#onData(piece);
      } else {
        const missing = MUX_HEADER_BYTES - this.#rest.length;
        if (bytes.length - at < missing) {
          this.#rest = concat([this.#rest, bytes.subarray(at)]);
          return;
        }
        const header = this.#rest.length === 0 ? readHeader(bytes, at) : readHeader(concat([this.#rest, bytes.subarray(at, at + missing)]), 0);
        this.#rest = NO_BYTES;
        at += missing;
        this.#onHeader(header);
      }
      if (this.#failed) return; // a user ended the session
    }
  }

  #onHeader(header: FrameHeader): void {
    const { version, type, flags, id, length } = header;
    if (version !== 0) this.#fail("version");
    if (type === FRAME.ping || type === FRAME.goAway) {
      if (id !== 0) this.#fail("session-id");
      if (type === FRAME.ping) this.#onPing(flags, length);
      else this.#onGoAway(length);
      return;
    }
    if (type !== FRAME.data && type !== FRAME.windowUpdate) this.#fail("type");
    if (id === 0) this.#fail("stream-id");
    if (flags & FLAG.syn) this.#onSyn(id);
    else if (!this.#wasOpened(id)) this.#fail("unknown-stream");
    const stream = this.#streams.get(id);
    if (flags & FLAG.rst) {
      if (type === FRAME.data && length > 0) this.#fail("reset-with-data");
      if (stream) {
        this.#forget(stream);
        stream.cut("peer");
      }
      return;
    }
    if (type === FRAME.windowUpdate) {
      if (stream && !stream.receiveCredit(length)) this.#fail("window-sum");
      if (flags & FLAG.fin) this.#streams.get(id)?.receiveEnd();
      return;
    }
    this.#frame = header;
    this.#left = length;
    if (length === 0) this.#endOfFrame();
  }

  #onData(piece: Uint8Array): void {
    const { id } = this.#frame as FrameHeader;
    this.#left -= piece.length;
    this.#receivedBytes += piece.length;
    const stream = this.#streams.get(id);
    // A stream that is over: its data was on the way when we reset it.
    if (stream && !stream.receive(piece)) this.#fail("window");
    if (this.#heldBytes > this.#heldMost) this.#fail("budget");
    if (this.#left === 0) this.#endOfFrame();
  }

  #endOfFrame(): void {
    const { id, flags } = this.#frame as FrameHeader;
    this.#frame = undefined;
    if (flags & FLAG.fin) this.#streams.get(id)?.receiveEnd();
  }

  #onSyn(id: number): void {
    const isTheirs = id % 2 === (this.#options.role === "client" ? 0 : 1);
    if (!isTheirs || id <= this.#lastPeerId) this.#fail("stream-id");
    this.#lastPeerId = id;
    // Each answer that waits here has followed a SYN: a peer that does not read opens no more.
    if (this.#control.length >= MAX_WAITING_FRAMES) this.#fail("answers");
    if (this.#leaves || this.#streams.size >= this.#options.maxStreams) {
      this.#send({ type: FRAME.windowUpdate, flags: FLAG.rst, id, length: 0 });
      return;
    }
    this.#options.onStream(this.#add(id, "there"));
  }

  #add(id: number, opened: "here" | "there"): MuxStream {
    const stream = new MuxStream(id, this.#owner, { opened, windowBytes: this.#options.windowBytes ?? INITIAL_WINDOW_BYTES });
    this.#streams.set(id, stream);
    this.#mostStreams = Math.max(this.#mostStreams, this.#streams.size);
    return stream;
  }

  /** What we hold, and what each stream may always send; streams that are over may still hold some of it. */
  get #heldMost(): number {
    return this.#options.holdsBytes + FLOOR_BYTES * 2 * this.#mostStreams;
  }

  #wasOpened(id: number): boolean {
    const isTheirs = id % 2 === (this.#options.role === "client" ? 0 : 1);
    return isTheirs ? id <= this.#lastPeerId : id < this.#nextId;
  }

  #onPing(flags: number, value: number): void {
    if (flags & FLAG.ack) {
      this.#options.onPong(value);
      return;
    }
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#pings.sinceMs >= 1_000) Object.assign(this.#pings, { sinceMs: nowMs, count: 0 });
    this.#pings.count += 1;
    if (this.#pings.count > PINGS_A_SECOND) return;
    this.#pong = value;
    this.#options.onOutput();
  }

  #onGoAway(reason: number): void {
    this.#leaves = true;
    this.#options.onGoAway(reason);
  }

  #fillControl(into: Uint8Array, at: number): number {
    let end = at;
    while (this.#control.length > 0 && into.length - end >= MUX_HEADER_BYTES) {
      into.set(this.#control.shift() as Uint8Array, end);
      end += MUX_HEADER_BYTES;
    }
    if (this.#pong !== undefined && into.length - end >= MUX_HEADER_BYTES) {
      writeHeader(into, end, { type: FRAME.ping, flags: FLAG.ack, id: 0, length: this.#pong });
      this.#pong = undefined;
      end += MUX_HEADER_BYTES;
    }
    return end;
  }

  #send(header: Omit<FrameHeader, "version">): void {
    if (this.#failed) return;
    const frame = new Uint8Array(MUX_HEADER_BYTES);
    writeHeader(frame, 0, header);
    this.#control.push(frame);
    this.#options.onOutput();
  }

  #makeReady(stream: MuxStream): void {
    if (this.#failed) return;
    this.#ready.add(stream);
    this.#options.onOutput();
  }

  #forget(stream: MuxStream): void {
    this.#streams.delete(stream.id);
    this.#ready.delete(stream);
  }

  #fail(rule: string): never {
    this.#failed ??= new TunnelError("RECORD_INVALID", message("the other end broke a rule of streams ({0}): it is another version, or was changed", rule));
    throw this.#failed;
  }
}
