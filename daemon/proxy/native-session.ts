/**
 * A session of the native wire and the streams on it, in either role: frames of
 * streams in sealed records on a connection, acknowledgements, and pings that tell
 * whether the other end is alive. A connection that is cut leaves the session
 * waiting: its streams stand still until it has another connection.
 *
 *     open ──goAway(), the other end's Go Away──► leaving ──last stream over──► closed
 *       │                                            │
 *       ├──connection cut or dead──► waiting ◄───────┤      `cut` in either state
 *       │              │└──taken up──► as before     │
 *       │              └──too long, gone──► closed (streams are cut)
 *       └──a rule broken, the other end's last word──► closed
 *
 * What one turn of the event loop produced goes into one record (flush-pace.ts);
 * what is kept to be sent again is session.ts. Owns its connection, its timers and
 * the keys.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { type Clock, timerMs } from "../../shared/time.ts";
import { InFlight } from "../protocol/in-flight.ts";
import { Mux } from "../protocol/mux.ts";
import { GO_AWAY } from "../protocol/mux-frame.ts";
import type { MuxStream } from "../protocol/mux-stream.ts";
import type { TakeUp } from "../protocol/native-hello.ts";
import { type Acknowledgement, readRecord } from "../protocol/native-records.ts";
import { type FillFrames, frameBytesOf, Session } from "../protocol/session.ts";
import type { Role } from "../protocol/wire.ts";
import { FlushPace } from "./flush-pace.ts";
import { LifeWatch } from "./life-watch.ts";
import { type NativeConnection, NativeLink } from "./native-link.ts";

/** What a session is made of, and the callbacks. */
export interface NativeSessionOptions extends NativeConnection {
  readonly role: Role;
  /** What we told the other end in the handshake. */
  readonly holdsBytes: number;
  /** How long the session waits for another connection, in milliseconds; 0: not at all. The other end's figure counts if it is less. */
  readonly keepsMs: number;
  readonly maxStreams: number;
  readonly clock: Clock;
  readonly keepAlive: boolean;
  /** The other end has opened a stream: set its `user` before this returns. */
  readonly onStream: (stream: MuxStream) => void;
  /** Bytes that went over the wire each way. */
  readonly onBytes: (inBytes: number, outBytes: number) => void;
  /** The connection is cut, and the session waits for another; or the connection is doubted, and another should be tried beside it. */
  readonly onWaiting?: (what: "cut" | "doubted", why: TunnelError) => void;
  /** The session has a connection again, or the one that was doubted is alive. */
  readonly onBack?: (how: "taken up" | "alive") => void;
  /** No stream can be opened any more. Called once, also before `onClosed`. */
  readonly onLeaving: () => void;
  /** Called once, last. An error: the session broke, and so many streams were cut. */
  readonly onClosed: (error: TunnelError | undefined, streams: number) => void;
}

/** What this end holds for all streams of a session together; the design's figure. */
export const SESSION_HOLDS_BYTES = 32 * 1024 * 1024;

/** Our choice: half of what we hold for all streams, which is what bounds memory; enough for one stream at 320 MB/s and 50 ms. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** Our choice: what is acknowledged together; a quarter of what is always allowed in flight. */
const ACKNOWLEDGE_BYTES = 64 * 1024;

/** Why a session waits, and what ends that. */
interface Waiting {
  readonly why: TunnelError | undefined;
  readonly timer: NodeJS.Timeout;
}

/** See the file's header. Create, then `start`. */
export class NativeSession {
  readonly #options: NativeSessionOptions;
  readonly #mux: Mux;
  readonly #session: Session;
  readonly #inFlight = new InFlight();
  readonly #pace: FlushPace;
  readonly #keepsMs: number;
  /** The present connection. */
  #link: NativeLink | undefined;
  #life: LifeWatch | undefined;
  #waiting: Waiting | undefined;
  #state: "open" | "leaving" | "closed" = "open";
  #error: TunnelError | undefined;
  /** Whether the other end has ever sent a record: who has not may never have got our answer. */
  #hasHeard = false;
  #acknowledged: Acknowledgement = { receivedBytes: 0, releasedBytes: 0 };

  constructor(options: NativeSessionOptions) {
    this.#options = options;
    const { role, native, holdsBytes, keepsMs, maxStreams, clock } = options;
    this.#session = new Session(native.session);
    this.#keepsMs = Math.min(keepsMs, native.peer.keepsMs);
    this.#pace = new FlushPace({
      flush: this.#flush,
      readyStreams: () => this.#mux.readyStreams,
      hasOutput: () => this.#link !== undefined && (this.#hasFrames || this.#acknowledgementIsDue),
      onIdle: () => this.#link?.ahead(),
    });
    this.#mux = new Mux({
      role,
      peerHoldsBytes: native.peer.holdsBytes,
      holdsBytes,
      maxStreams,
      windowBytes: WINDOW_BYTES,
      nowMs: () => clock.monotonicMs(),
      onStream: (stream) => options.onStream(stream),
      onOutput: () => this.#pace.soon(),
      onPong: (value) => this.#life?.pong(value),
      onGoAway: () => this.#leave(),
    });
  }

  /** Names the session at both ends; no secret. */
  get name(): Uint8Array {
    return this.#session.name;
  }

  /** What both ends know, and nobody else. */
  get secret(): Uint8Array {
    return this.#session.secret;
  }

  /** Whether a new stream has a good chance now. */
  get isUsable(): boolean {
    return this.#state === "open" && !this.wantsConnection && this.#mux.canOpen;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Whether it needs another connection: it has none, or its own is doubted. */
  get wantsConnection(): boolean {
    return this.#state !== "closed" && (this.#link === undefined || this.#isDoubted);
  }

  /** Whether it has no connection. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Server: whether a client that proves the secret may go on with it. */
  get canBeTakenUp(): boolean {
    return this.#state !== "closed" && this.#keepsMs > 0 && this.#hasHeard;
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#mux.streams.size;
  }

  /** Bytes of memory that its data takes: kept to be sent again, waiting to be sent, and not taken by the applications. */
  get heldBytes(): number {
    let queued = 0;
    for (const stream of this.#mux.streams.values()) queued += stream.queuedBytes;
    return this.#session.keptBytes + queued + this.#mux.heldBytes;
  }

  /** Why it broke; undefined while it has not. */
  get error(): TunnelError | undefined {
    return this.#error;
  }

  start(): void {
    this.#connect(this.#options);
  }

  /** Opens a stream. @throws RangeError unless {@link isUsable} */
  openStream(): MuxStream {
    // A client that speaks first has mostly said its first words already: they may go with the SYN.
    const stream = this.hold("next turn", () => this.#mux.open());
    this.#life?.opened();
    return stream;
  }

  /** The machine has slept, or its network has changed: the connection may be dead. */
  wake(): void {
    this.#life?.wake();
  }

  /** Client: takes the connection out, as another one is ready, and says what to ask for there. */
  askAgain(): TakeUp & { readonly secret: Uint8Array } {
    this.#wait(undefined);
    return this.#session.nextAttempt();
  }

  /**
   * Server: a client that has proved the secret asks for the session. Takes the connection before out; how many bytes of
   * streams have come.
   * @throws TunnelError when the attempt is late or what it says can't be; the session is as it was
   */
  giveTo(asked: TakeUp): number {
    this.#session.judge(asked);
    this.#wait(undefined);
    return this.#session.receivedBytes;
  }

  /** Goes on, on another connection, which both ends have agreed on. @throws TunnelError RECORD_INVALID; the session still waits */
  goOn(connection: NativeConnection): void {
    const { takenUpAt } = connection.native.session;
    try {
      if (takenUpAt === undefined || this.isClosed) throw new RangeError("this connection is for another session");
      this.#session.goOn(takenUpAt);
    } catch (error) {
      connection.wire.destroy();
      throw error;
    }
    this.#inFlight.startAgain(takenUpAt);
    this.#waitNoLonger();
    // What was said on the connection before may be lost.
    this.#acknowledged = { receivedBytes: this.#session.receivedBytes, releasedBytes: 0 };
    this.#connect(connection);
    if (this.#link) this.#options.onBack?.("taken up");
  }

  /** Opens and takes no more streams; closes when the last one is over. */
  goAway(): void {
    if (this.#state !== "open") return;
    this.#mux.goAway(GO_AWAY.normal);
    this.#leave();
  }

  /** Ends it now; streams are cut. Tells the other end, if it can be told. */
  close(error?: TunnelError): void {
    if (this.#state === "closed") return;
    this.#leave();
    this.#state = "closed";
    this.#error = error;
    this.#waitNoLonger();
    this.#pace.stop();
    this.#disconnect("last words");
    this.#session.wipe();
    const { streams } = this;
    this.#mux.end();
    this.#options.onClosed(error, streams);
  }

  #leave(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#options.onLeaving();
    this.#pace.soon();
  }

  #connect(connection: NativeConnection): void {
    const link = new NativeLink(connection, {
      onBytes: this.#options.onBytes,
      onHeard: this.#onHeard,
      onRecord: this.#onRecord,
      onRead: this.#onRead,
      onForged: (error) => this.#cut(error),
      onWrong: (error) => this.#fail(error),
      onEnd: (cause, isWhole) => this.#onEnd(cause, isWhole),
      onDrain: this.#flush,
    });
    this.#link = link;
    this.#life = this.#makeLife();
    this.#life.start();
    link.start(connection.rest, this.#options.keepAlive);
  }

  #makeLife(): LifeWatch {
    const { role, clock, onWaiting } = this.#options;
    return new LifeWatch({
      role,
      clock,
      streams: () => this.streams,
      isBusy: () => this.#inFlight.isBusy,
      roundTripMs: () => this.#inFlight.roundTripMs,
      ping: (value) => this.#mux.ping(value),
      onRoundTrip: (ms) => this.#inFlight.measured(ms),
      onDoubted: () =>
        onWaiting?.("doubted", new TunnelError("TRUNCATED", message("the other end does not answer: it stopped, or the network between is down"))),
      onDead: (silentMs) => {
        const silentS = Math.round(silentMs / 1000);
        this.#broken(message("the other end has not answered for {0} s: it stopped, or the network between is down", silentS), undefined);
      },
      onLook: () => this.#acknowledgeRest(),
    });
  }

  get #isDoubted(): boolean {
    return this.#life?.isDoubted === true;
  }

  /** Lets go of the connection. */
  #disconnect(how: "cut" | "last words"): void {
    const [link, life] = [this.#link, this.#life];
    this.#link = undefined;
    this.#life = undefined;
    life?.stop();
    link?.leave(how);
  }

  /** The session has no connection now. */
  #wait(why: TunnelError | undefined): void {
    this.#disconnect("cut");
    if (this.#waiting) return;
    const timer = setTimeout(() => this.close(this.#waiting?.why ?? tooLong(this.#keepsMs)), timerMs(this.#keepsMs)).unref();
    this.#waiting = { why, timer };
  }

  #waitNoLonger(): void {
    clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
  }

  /** The connection is cut, or dead. */
  #broken(what: ReturnType<typeof message>, cause: unknown): void {
    this.#cut(new TunnelError("TRUNCATED", what, { cause }));
  }

  /** The connection is of no use any more; the session waits for another, if it can. */
  #cut(error: TunnelError): void {
    const isDone = this.streams === 0 && this.#session.keptBytes === 0 && !this.#mux.hasOutput;
    if (this.#keepsMs === 0 || isDone || (this.#options.role === "server" && !this.#hasHeard)) {
      this.close(error);
      return;
    }
    this.#wait(error);
    this.#options.onWaiting?.("cut", error);
  }

  readonly #onHeard = (): void => {
    if (this.#life?.heard() === true) this.#options.onBack?.("alive");
  };

  readonly #onRead = (): void => {
    if (this.#acknowledgementIsDue || this.#state === "leaving") this.#pace.soon();
  };

  readonly #onRecord = (text: Uint8Array): void => {
    this.#hasHeard = true;
    const record = readRecord(text);
    if (!record) return;
    if (record.isOver) {
      this.#onOver();
      return;
    }
    if (record.acknowledgement) this.#onAcknowledgement(record.acknowledgement);
    if (record.frames.length === 0) return;
    this.#session.received(record.frames.length);
    this.#mux.receive(record.frames);
  };

  #onAcknowledgement({ receivedBytes, releasedBytes }: Acknowledgement): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#session.acknowledged(receivedBytes) || !this.#mux.peerReleased(releasedBytes)) {
      throw new TunnelError("RECORD_INVALID", message("the other end says that it got more than was sent: it is another version, or not ours"));
    }
    this.#inFlight.acknowledged(receivedBytes, nowMs);
    if (this.#hasFrames) this.#pace.soon();
  }

  /** The other end's last word. */
  #onOver(): void {
    const { streams } = this;
    if (streams === 0) this.close();
    else this.close(new TunnelError("TRUNCATED", message("the other end ended the session while {0} streams were open: it was stopped", streams)));
  }

  /** A rule was broken: says so, and ends. */
  #fail(error: TunnelError): void {
    try {
      this.#mux.goAway(GO_AWAY.protocolError);
      if (this.#link) this.#writeRecord(false, Number.POSITIVE_INFINITY);
    } catch {
      // The keys may be used up; the end says enough.
    }
    this.close(error);
  }

  #onEnd(cause: NodeJS.ErrnoException | undefined, isWhole: boolean): void {
    if (cause) this.#broken(message("the connection to the other end was reset ({0})", cause.code ?? cause.message), cause);
    else if (this.streams === 0 && isWhole) this.close();
    else
      this.#broken(
        message("the other end closed the connection while {0} streams were open: that end stopped, or the network cut it", this.streams),
        undefined,
      );
  }

  /** See {@link FlushPace.hold}. */
  hold<T>(until: "next turn" | "a moment", write: () => T): T {
    return this.#pace.hold(until, write);
  }

  readonly #flush = (): void => {
    const link = this.#link;
    this.#pace.flushes();
    if (!link) return;
    let isCorked = false;
    // Whoever does not read what we send gets no more of it, acknowledgements included: the newest is enough.
    while (!link.isFull) {
      const acknowledges = this.#acknowledgementIsDue;
      const room = this.#hasFrames ? this.#inFlight.room : 0;
      if (!acknowledges && room === 0) break;
      if (this.#writeRecord(acknowledges, room) === 0) break;
      // Further records go out together.
      if (!isCorked && this.#hasFrames) {
        link.cork();
        isCorked = true;
      }
    }
    if (isCorked) link.uncork();
    if (this.#state === "leaving" && this.streams === 0 && !this.#hasFrames) this.close();
  };

  /** One record: an acknowledgement if `acknowledges`, and at most `room` bytes of frames; how many bytes of frames it has. */
  #writeRecord(acknowledges: boolean, room: number): number {
    if (acknowledges) this.#acknowledged = { receivedBytes: this.#session.receivedBytes, releasedBytes: this.#mux.releasedBytes };
    const acknowledgement = acknowledges ? this.#acknowledged : undefined;
    const text = this.#session.record(room, this.#fill, acknowledgement);
    if (!text) return 0;
    const frameBytes = frameBytesOf(text, acknowledgement);
    if (frameBytes > 0) this.#inFlight.sent(frameBytes, this.#options.clock.monotonicMs());
    this.#link?.write(text);
    return frameBytes;
  }

  readonly #fill: FillFrames = (into, at, copied) => this.#mux.fill(into, at, copied);

  /** Whether bytes of streams could be sent, again or for the first time. */
  get #hasFrames(): boolean {
    return this.#mux.hasOutput || this.#session.sendsAgain;
  }

  get #acknowledgementIsDue(): boolean {
    return (
      this.#session.receivedBytes - this.#acknowledged.receivedBytes >= ACKNOWLEDGE_BYTES ||
      this.#mux.releasedBytes - this.#acknowledged.releasedBytes >= ACKNOWLEDGE_BYTES
    );
  }

  /** Bytes of a stream are out of the way: the other end may have to hear of it. */
  consumed(stream: MuxStream, count: number): void {
    stream.consumed(count);
    if (this.#acknowledgementIsDue) this.#pace.soon();
  }

  /** What is too little to be acknowledged at once is acknowledged at the next look, so that the other end need not keep it. */
  #acknowledgeRest(): void {
    const { receivedBytes } = this.#session;
    if (this.#link && receivedBytes > this.#acknowledged.receivedBytes && !this.#link.isFull) this.#writeRecord(true, 0);
    this.#session.trim();
  }
}

function tooLong(keepsMs: number): TunnelError {
  return new TunnelError("TRUNCATED", message("the session had no connection for {0} s, and was given up", Math.round(keepsMs / 1000)));
}
