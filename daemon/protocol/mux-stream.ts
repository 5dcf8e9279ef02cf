/**
 * One stream of a mux (`mux.ts`): a queue towards the peer, two windows, and two
 * halves that end apart. Pure; the mux moves its frames.
 *
 *     sending:    open ──end()──► ending ──FIN is out──► ended
 *                  └──abort()──► aborting ──RST is out──► over
 *     receiving:  open ──FIN──► ended
 *     both ended ──► over;   any ──reset──► over
 */
import { FLAG, FRAME, MUX_HEADER_BYTES, writeHeader } from "./mux-frame.ts";

/** The specification gives no bound; a sum above it can't be told from a negative number in other implementations. */
const MAX_WINDOW = 2 ** 31 - 1;

/** Our choice: what one stream puts into a record before the next stream has its turn. */
const TURN_BYTES = 16 * 1024;

/** Our choice: bytes that wait in a stream before its source is told to stop. */
const QUEUE_BYTES = 256 * 1024;

/** Our choice: what is credited together, at least; less than what every stream may always send (mux.ts). */
const CREDIT_BYTES = 16 * 1024;

/** Who uses a stream. Calls are synchronous, and may call the stream again. */
export interface StreamUser {
  /** The next bytes of the peer. Say {@link MuxStream.consumed} when they are out of the way, also after `onEnd`; until then they count as held. */
  onData(bytes: Uint8Array): void;
  /** The peer's half has ended: no more `onData`. */
  onEnd(): void;
  /** Both halves are cut, by the peer or with the session. Called once; not after `reset`. */
  onReset(by: "peer" | "session"): void;
  /** After `write` has said false: there is room again. */
  onWritable(): void;
  /** Our half is out: all that was queued, and its end. */
  onEnded?(): void;
}

/** What a stream needs of its mux. */
export interface StreamOwner {
  /** The stream has something to send. */
  ready(stream: MuxStream): void;
  /** How many more bytes may be sent on a stream of which the peer has not credited `outstanding`. */
  allowance(outstanding: number): number;
  /** Bytes of data go out. */
  sent(count: number): void;
  /** Bytes from `at` on are a copy of these, which will not change. */
  copied(at: number, bytes: Uint8Array): void;
  /** The sum of bytes held for users changes. */
  heldBy(change: number): void;
  over(stream: MuxStream): void;
  resetByUs(stream: MuxStream): void;
}

/** See the file's header. Made by a mux. */
export class MuxStream {
  readonly id: number;
  /** Set it before the mux takes more bytes. */
  user: StreamUser | undefined;
  readonly #owner: StreamOwner;
  /** How many consumed bytes are credited together. */
  readonly #creditBytes: number;
  readonly #queue: Uint8Array[] = [];
  /** Bytes of the queue's first piece that are out already. */
  #sentOfFirst = 0;
  #queuedBytes = 0;
  #saidFull = false;
  #sendWindow: number;
  #outstanding = 0;
  #sending: "open" | "ending" | "ended" | "aborting" = "open";
  /** SYN of a stream of ours, ACK of one of the peer's: goes with the first frame. */
  #greeting: number;
  #receiveWindow: number;
  #held = 0;
  #credit = 0;
  #receiving: "open" | "ended" = "open";
  #isOver = false;
  /** Cut: what is held for the user is given up. */
  #isCut = false;

  constructor(id: number, owner: StreamOwner, { opened, windowBytes }: { readonly opened: "here" | "there"; readonly windowBytes: number }) {
    this.id = id;
    this.#owner = owner;
    this.#sendWindow = windowBytes;
    this.#receiveWindow = windowBytes;
    this.#creditBytes = Math.min(CREDIT_BYTES, windowBytes / 2);
    this.#greeting = opened === "here" ? FLAG.syn : FLAG.ack;
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes that were given to the user and are not consumed. */
  get heldBytes(): number {
    return this.#held;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the peer has been told of it, or has told us. */
  get isAnnounced(): boolean {
    return this.#greeting !== FLAG.syn;
  }

  /** Whether the peer's half has ended. */
  get hasPeerEnded(): boolean {
    return this.#receiving === "ended";
  }

  /** Queues bytes, which must not change afterwards. False: wait for `onWritable` before writing more. Ignored once the stream is ended or over. */
  write(bytes: Uint8Array): boolean {
    if (this.#isOver || this.#sending !== "open") return true;
    if (bytes.length > 0) {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
      this.#owner.ready(this);
    }
    this.#saidFull = this.#queuedBytes >= QUEUE_BYTES;
    return !this.#saidFull;
  }

  /** Ends our half, after all that is queued. */
  end(): void {
    if (this.#isOver || this.#sending !== "open") return;
    this.#sending = "ending";
    this.#owner.ready(this);
  }

  /** Cuts both halves; what is queued is given up. */
  reset(): void {
    if (this.#isOver) return;
    this.#cut();
    this.#owner.resetByUs(this);
  }

  /** Cuts both halves, ours once all that is queued is out. Bound the time: a peer that takes nothing holds it up. */
  abort(): void {
    if (this.#isOver || this.#sending === "aborting") return;
    if (this.#queuedBytes === 0) {
      this.reset();
      return;
    }
    this.#sending = "aborting";
    this.#owner.ready(this);
  }

  /** `count` bytes of `onData` are out of the way: the peer may send as many again. */
  consumed(count: number): void {
    if (this.#isCut || count === 0) return;
    if (count > this.#held) throw new RangeError("more was consumed than came");
    this.#held -= count;
    this.#credit += count;
    this.#owner.heldBy(-count);
    if (this.#isOver) return;
    if (this.#creditIsDue) this.#owner.ready(this);
  }

  /** For the mux: bytes of a data frame. False: more than the window allows. */
  receive(bytes: Uint8Array): boolean {
    if (bytes.length > this.#receiveWindow || this.#receiving === "ended") return false;
    this.#receiveWindow -= bytes.length;
    this.#held += bytes.length;
    this.#owner.heldBy(bytes.length);
    this.user?.onData(bytes);
    return true;
  }

  /** For the mux: a FIN. */
  receiveEnd(): void {
    if (this.#receiving === "ended") return;
    this.#receiving = "ended";
    this.user?.onEnd();
    this.#settle();
  }

  /** For the mux: a window update. False: the window becomes larger than it can be. */
  receiveCredit(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > MAX_WINDOW) return false;
    this.#outstanding = Math.max(0, this.#outstanding - bytes);
    if (this.#queuedBytes > 0) this.#owner.ready(this);
    return true;
  }

  /** For the mux: an RST, or the end of the session. */
  cut(by: "peer" | "session"): void {
    if (this.#isOver) return;
    this.#cut();
    this.user?.onReset(by);
  }

  /**
   * For the mux: writes frames into `into` from `at` on; where they end. Stops after its turn's worth, unless no other stream
   * waits; `more` says whether it could go on at once.
   */
  fill(into: Uint8Array, at: number, isAlone = false): { readonly end: number; readonly more: boolean } {
    if (this.#isOver) return { end: at, more: false };
    let end = this.#fillCredit(into, at);
    const room = into.length - end - MUX_HEADER_BYTES;
    const mayGo = Math.max(0, Math.min(this.#queuedBytes, this.#sendWindow, this.#owner.allowance(this.#outstanding)));
    const size = Math.min(mayGo, isAlone ? Number.POSITIVE_INFINITY : TURN_BYTES, room);
    const isLast = this.#sending === "ending" && size === this.#queuedBytes;
    if (room >= 0 && (size > 0 || isLast)) end = this.#fillData(into, end, { size, isLast });
    else if (room >= 0 && this.#greeting === FLAG.syn && this.#queuedBytes === 0) end = this.#header(into, end, FRAME.windowUpdate, 0);
    const isBlocked = room >= 0 && size === mayGo;
    if (this.#sending === "aborting" && this.#queuedBytes === 0) this.reset();
    this.#settle();
    if (!this.#isOver && this.#saidFull && this.#queuedBytes < QUEUE_BYTES / 2) {
      this.#saidFull = false;
      this.user?.onWritable();
    }
    return { end, more: !this.#isOver && (isBlocked ? this.#creditIsDue : true) };
  }

  get #creditIsDue(): boolean {
    return this.#receiving === "open" && this.#credit >= this.#creditBytes;
  }

  #fillCredit(into: Uint8Array, at: number): number {
    if (!this.#creditIsDue || into.length - at < MUX_HEADER_BYTES) return at;
    const bytes = this.#credit;
    this.#credit = 0;
    this.#receiveWindow += bytes;
    return this.#header(into, at, FRAME.windowUpdate, bytes);
  }

  #fillData(into: Uint8Array, at: number, { size, isLast }: { readonly size: number; readonly isLast: boolean }): number {
    let end = this.#header(into, at, FRAME.data, size, isLast ? FLAG.fin : 0);
    let left = size;
    while (left > 0) {
      const first = this.#queue[0] as Uint8Array;
      const count = Math.min(left, first.length - this.#sentOfFirst);
      const piece = first.subarray(this.#sentOfFirst, this.#sentOfFirst + count);
      into.set(piece, end);
      this.#owner.copied(end, piece);
      end += count;
      left -= count;
      this.#sentOfFirst += count;
      if (this.#sentOfFirst < first.length) break;
      this.#queue.shift();
      this.#sentOfFirst = 0;
    }
    this.#queuedBytes -= size;
    this.#sendWindow -= size;
    this.#outstanding += size;
    this.#owner.sent(size);
    if (isLast) {
      this.#sending = "ended";
      this.user?.onEnded?.();
    }
    return end;
  }

  #header(into: Uint8Array, at: number, type: number, length: number, flags = 0): number {
    writeHeader(into, at, { type, flags: flags | this.#greeting, id: this.id, length });
    this.#greeting = 0;
    return at + MUX_HEADER_BYTES;
  }

  #settle(): void {
    if (this.#isOver || this.#sending !== "ended" || this.#receiving !== "ended") return;
    this.#isOver = true;
    this.#owner.over(this);
  }

  #cut(): void {
    this.#isOver = true;
    this.#isCut = true;
    this.#owner.heldBy(-this.#held);
    this.#held = 0;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }
}
