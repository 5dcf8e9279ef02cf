/**
 * One connection of the native wire and the streams on it, in either role: sealed
 * records on a socket, frames of streams in them, acknowledgements, and pings that
 * tell whether the other end is alive.
 *
 *     open ──goAway(), the other end's Go Away──► leaving ──last stream over──► closed
 *       └──broken, dead, a rule broken──► closed (streams are cut)
 *
 * What one turn of the event loop produced goes into one record (flush-pace.ts).
 * Owns the socket, its timers and the keys.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Clock } from "../../shared/time.ts";
import { InFlight } from "../protocol/in-flight.ts";
import { Mux } from "../protocol/mux.ts";
import { GO_AWAY } from "../protocol/mux-frame.ts";
import type { MuxStream } from "../protocol/mux-stream.ts";
import { type Acknowledgement, RECORD, readRecord, writeAcknowledgement } from "../protocol/native-records.ts";
import { MAX_RECORD_BYTES, NoiseOpener, NoiseSealer } from "../protocol/noise-record.ts";
import type { NativeStart, Role } from "../protocol/wire.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { FlushPace } from "./flush-pace.ts";
import { endError, tuneSocket } from "./plain-side.ts";

/** What a session is made of, and the callbacks. */
export interface NativeSessionOptions {
  readonly role: Role;
  /** Connected, paused, and nobody else's. */
  readonly wire: net.Socket;
  readonly native: NativeStart;
  /** Bytes of the wire that came right behind the handshake. */
  readonly rest: Uint8Array;
  /** What we told the other end in the handshake. */
  readonly holdsBytes: number;
  readonly maxStreams: number;
  readonly clock: Clock;
  readonly keepAlive: boolean;
  /** The other end has opened a stream: set its `user` before this returns. */
  readonly onStream: (stream: MuxStream) => void;
  /** Bytes that went over the wire each way. */
  readonly onBytes: (inBytes: number, outBytes: number) => void;
  /** No stream can be opened any more. Called once, also before `onClosed`. */
  readonly onLeaving: () => void;
  /** Called once, last. An error: the session broke, whether or not it had streams. */
  readonly onClosed: (error: TunnelError | undefined) => void;
}

/** What this end holds for all streams of a session together; the design's figure. */
export const SESSION_HOLDS_BYTES = 32 * 1024 * 1024;

/** Our choice: half of what we hold for all streams, which is what bounds memory; enough for one stream at 320 MB/s and 50 ms. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** Our choice: what is acknowledged together; a quarter of what is always allowed in flight. */
const ACKNOWLEDGE_BYTES = 64 * 1024;

/** The design's figures: how long nothing was heard when the other end is asked, and when it is taken for dead after that. The server asks later, as one question is enough. */
const SILENCE_MS = { withStreams: 20_000, without: 60_000, serverLater: 15_000, dead: 10_000, look: 5_000 };

/** The design's figure: how long a stream that opens after a silence waits for a sign of life before newcomers go elsewhere. */
const SUSPECT_MS = { least: 1_000, roundTrips: 4 };

/** Our choice, measured: from here on a copy costs more than writing three pieces. */
const LONG_RECORD_BYTES = 8 * 1024;

/** Plain text of the next record; used within one call only, so all sessions share it. */
const scratch = new Uint8Array(MAX_RECORD_BYTES);

/** See the file's header. Create, then `start`. */
export class NativeSession {
  readonly #options: NativeSessionOptions;
  readonly #mux: Mux;
  readonly #sealer: NoiseSealer;
  readonly #opener: NoiseOpener;
  readonly #inFlight = new InFlight();
  #state: "open" | "leaving" | "closed" = "open";
  #error: TunnelError | undefined;
  readonly #pace: FlushPace;
  #receivedBytes = 0;
  #acknowledged: Acknowledgement = { receivedBytes: 0, releasedBytes: 0 };
  #heardMs: number;
  #ping: { readonly value: number; readonly atMs: number } | undefined;
  #pings = 0;
  #isSuspect = false;
  #watch: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;

  constructor(options: NativeSessionOptions) {
    this.#options = options;
    const { role, native, holdsBytes, maxStreams, clock } = options;
    this.#sealer = new NoiseSealer(native.transport.send);
    this.#opener = new NoiseOpener(native.transport.receive);
    this.#heardMs = clock.monotonicMs();
    this.#pace = new FlushPace({
      flush: this.#flush,
      readyStreams: () => this.#mux.readyStreams,
      hasOutput: () => this.#mux.hasOutput || this.#acknowledgementIsDue,
      onIdle: () => {
        this.#sealer.ahead();
        this.#opener.ahead();
      },
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
      onPong: (value) => this.#onPong(value),
      onGoAway: () => this.#leave(),
    });
  }

  /** Whether a new stream has a good chance now. */
  get isUsable(): boolean {
    return this.#state === "open" && !this.#isSuspect && this.#mux.canOpen;
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#mux.streams.size;
  }

  /** Why it broke; undefined while it has not. */
  get error(): TunnelError | undefined {
    return this.#error;
  }

  /** The shortest round trip so far. */
  get roundTripMs(): number | undefined {
    return this.#inFlight.roundTripMs;
  }

  start(): void {
    const { wire, rest, keepAlive } = this.#options;
    tuneSocket(wire, keepAlive);
    wire.on("data", this.#onData);
    wire.on("end", this.#onEnd);
    wire.on("error", this.#onError);
    wire.on("close", this.#onEnd);
    wire.on("drain", this.#flush);
    this.#watch = setInterval(this.#onWatch, SILENCE_MS.look).unref();
    this.#sendPing();
    if (rest.length > 0) this.#onData(rest);
    if (this.#state !== "closed") wire.resume();
  }

  /** Opens a stream. @throws RangeError unless {@link isUsable} */
  openStream(): MuxStream {
    const { clock } = this.#options;
    // A client that speaks first has mostly said its first words already: they may go with the SYN.
    const stream = this.hold("next turn", () => this.#mux.open());
    if (clock.monotonicMs() - this.#heardMs >= SILENCE_MS.withStreams) this.#lookForLife();
    return stream;
  }

  /** The machine has slept, or its network has changed: the connection may be dead. */
  wake(): void {
    if (this.#state !== "closed") this.#lookForLife();
  }

  /** Opens and takes no more streams; closes when the last one is over. */
  goAway(): void {
    if (this.#state !== "open") return;
    this.#mux.goAway(GO_AWAY.normal);
    this.#leave();
  }

  /** Ends it now; streams are cut. */
  close(error?: TunnelError): void {
    if (this.#state === "closed") return;
    this.#leave();
    this.#state = "closed";
    this.#error = error;
    const { wire, onClosed } = this.#options;
    clearInterval(this.#watch);
    clearTimeout(this.#look);
    this.#pace.stop();
    wire.removeListener("data", this.#onData);
    wire.removeListener("end", this.#onEnd);
    wire.removeListener("close", this.#onEnd);
    wire.removeListener("drain", this.#flush);
    wire.on("error", () => {}); // a destroyed socket may still report one
    wire.destroy();
    this.#sealer.wipe();
    this.#opener.wipe();
    this.#mux.end();
    onClosed(error);
  }

  #leave(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#options.onLeaving();
    this.#pace.soon();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#heardMs = this.#options.clock.monotonicMs();
    this.#isSuspect = false;
    this.#options.onBytes(chunk.length, 0);
    try {
      for (const text of this.#opener.open(chunk)) {
        this.#onRecord(text);
        if (this.isClosed) return;
      }
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
      return;
    }
    if (this.#acknowledgementIsDue || this.#state === "leaving") this.#pace.soon();
  };

  #onRecord(text: Uint8Array): void {
    const record = readRecord(text);
    if (!record) return;
    if (record.acknowledgement) this.#onAcknowledgement(record.acknowledgement);
    if (record.frames.length === 0) return;
    this.#receivedBytes += record.frames.length;
    this.#mux.receive(record.frames);
  }

  #onAcknowledgement({ receivedBytes, releasedBytes }: Acknowledgement): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#inFlight.acknowledged(receivedBytes, nowMs) || !this.#mux.peerReleased(releasedBytes)) {
      throw new TunnelError("RECORD_INVALID", message("the other end says that it got more than was sent: it is another version, or not ours"));
    }
    if (this.#mux.hasOutput) this.#pace.soon();
  }

  /** A rule was broken: says so, and ends. */
  #fail(error: TunnelError): void {
    try {
      this.#mux.goAway(GO_AWAY.protocolError);
      this.#writeRecord(false, Number.POSITIVE_INFINITY);
    } catch {
      // The keys may be used up; the end says enough.
    }
    this.close(error);
  }

  readonly #onError = (cause: NodeJS.ErrnoException): void =>
    this.#broken(message("the connection to the other end was reset ({0})", cause.code ?? cause.message), cause);

  readonly #onEnd = (): void => {
    if (this.#state === "closed") return;
    const cause = endError(this.#options.wire);
    if (cause) this.#onError(cause);
    else if (this.streams === 0 && this.#opener.pendingBytes === 0) this.close();
    else
      this.#broken(
        message("the other end closed the connection while {0} streams were open: that end stopped, or the network cut it", this.streams),
        undefined,
      );
  };

  #broken(what: ReturnType<typeof message>, cause: unknown): void {
    this.close(new TunnelError("TRUNCATED", what, { cause }));
  }

  /** See {@link FlushPace.hold}. */
  hold<T>(until: "next turn" | "a moment", write: () => T): T {
    return this.#pace.hold(until, write);
  }

  readonly #flush = (): void => {
    if (this.#state === "closed") return;
    this.#pace.flushes();
    const { wire } = this.#options;
    let isCorked = false;
    // Whoever does not read what we send gets no more of it, acknowledgements included: the newest is enough.
    while (wire.writableLength < WRITE_QUEUE_BYTES) {
      const acknowledges = this.#acknowledgementIsDue;
      const room = this.#mux.hasOutput ? this.#inFlight.room : 0;
      if (!acknowledges && room === 0) break;
      if (this.#writeRecord(acknowledges, room) === 0) break;
      // Further records go out together.
      if (!isCorked && this.#mux.hasOutput) {
        wire.cork();
        isCorked = true;
      }
    }
    if (isCorked) wire.uncork();
    if (this.#state === "leaving" && this.streams === 0 && !this.#mux.hasOutput) this.#finish();
  };

  /** One record: an acknowledgement if `acknowledges`, and at most `room` bytes of frames; how many bytes of frames it has. */
  #writeRecord(acknowledges: boolean, room: number): number {
    const { wire, clock, onBytes } = this.#options;
    let at = 1;
    scratch[0] = RECORD.frames;
    if (acknowledges) {
      this.#acknowledged = { receivedBytes: this.#receivedBytes, releasedBytes: this.#mux.releasedBytes };
      at = writeAcknowledgement(scratch, this.#acknowledged);
    }
    const end = room === 0 ? at : this.#mux.fill(scratch.subarray(0, Math.min(at + room, MAX_RECORD_BYTES)), at);
    if (end > at) this.#inFlight.sent(end - at, clock.monotonicMs());
    else if (!acknowledges) return 0;
    const text = scratch.subarray(0, end);
    if (end < LONG_RECORD_BYTES) {
      const sealed = this.#sealer.seal(text);
      onBytes(0, sealed.length);
      wire.write(sealed);
      return end - at;
    }
    wire.cork();
    for (const piece of this.#sealer.sealInPieces(text)) {
      onBytes(0, piece.length);
      wire.write(piece);
    }
    wire.uncork();
    return end - at;
  }

  get #acknowledgementIsDue(): boolean {
    return (
      this.#receivedBytes - this.#acknowledged.receivedBytes >= ACKNOWLEDGE_BYTES ||
      this.#mux.releasedBytes - this.#acknowledged.releasedBytes >= ACKNOWLEDGE_BYTES
    );
  }

  /** Bytes of a stream are out of the way: the other end may have to hear of it. */
  consumed(stream: MuxStream, count: number): void {
    stream.consumed(count);
    if (this.#acknowledgementIsDue) this.#pace.soon();
  }

  /** All is said: closes once the last record is on its way. */
  #finish(): void {
    const { wire } = this.#options;
    wire.end(() => this.close());
  }

  #sendPing(): void {
    this.#pings = (this.#pings + 1) >>> 0;
    this.#ping = { value: this.#pings, atMs: this.#options.clock.monotonicMs() };
    this.#mux.ping(this.#pings);
  }

  #onPong(value: number): void {
    if (value !== this.#ping?.value) return;
    this.#inFlight.measured(this.#options.clock.monotonicMs() - this.#ping.atMs);
    this.#ping = undefined;
  }

  readonly #onWatch = (): void => {
    const nowMs = this.#options.clock.monotonicMs();
    const later = this.#options.role === "server" ? SILENCE_MS.serverLater : 0;
    const patienceMs = (this.streams > 0 ? SILENCE_MS.withStreams : SILENCE_MS.without) + later;
    if (this.#ping && this.#heardMs < this.#ping.atMs) {
      const silentMs = nowMs - this.#ping.atMs;
      if (silentMs >= SILENCE_MS.dead) {
        this.#broken(message("the other end has not answered for {0} s: it stopped, or the network between is down", Math.round(silentMs / 1000)), undefined);
      }
    } else if (nowMs - this.#heardMs >= patienceMs) {
      this.#sendPing();
    }
  };

  /** Asks for a sign of life now; without one soon, newcomers go elsewhere. */
  #lookForLife(): void {
    if (!this.#ping || this.#heardMs >= this.#ping.atMs) this.#sendPing();
    clearTimeout(this.#look);
    const askedMs = this.#options.clock.monotonicMs();
    const waitMs = Math.max(SUSPECT_MS.least, SUSPECT_MS.roundTrips * (this.#inFlight.roundTripMs ?? 0));
    this.#look = setTimeout(() => {
      this.#isSuspect = this.#heardMs < askedMs;
    }, waitMs).unref();
  }
}
