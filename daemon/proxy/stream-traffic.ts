/**
 * An open connection on the native wire: a stream and the plain side, what their
 * first bytes and their ends mean, and how both are ended. The counterpart of
 * `traffic.ts`; the two promise the same.
 *
 *     flowing ──both streams whole──► over
 *        └──broken──► the stream is reset, farewell of the plain side ──► over
 *     any ──► over, by cut()
 *
 * Bounded: while the stream's queue is full the plain side is not read, and what
 * the plain side has not taken counts against the stream's window.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { concat } from "../protocol/keys.ts";
import type { MuxStream, StreamUser } from "../protocol/mux-stream.ts";
import { readStatus } from "../protocol/stream-words.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { backendSilent } from "./evidence.ts";
import { Farewell, type FarewellOptions, type StreamInto } from "./farewell.ts";
import type { NativeSession } from "./native-session.ts";
import type { PlainSide } from "./plain-side.ts";
import type { Route } from "./route.ts";
import type { TrafficEnd } from "./traffic.ts";

/** What is joined, and the callbacks. The caller passes on errors of the plain side: `plainFailed`. */
export interface StreamTrafficOptions {
  readonly stream: MuxStream;
  readonly session: NativeSession;
  readonly plain: PlainSide;
  readonly route: Route;
  readonly settings: ConnectionSettings;
  /** Client role: the far end has said whether its backend is there. */
  readonly onAnswered: () => void;
  /** The backend said its first bytes, and they were no refusal. */
  readonly onBackendVerified: () => void;
  /** Something went wrong; not always the end. */
  readonly onReport: (error: TunnelError) => void;
  /** Both sides have been ended. Called once, last; not after `cut`. */
  readonly onOver: (end: TrafficEnd) => void;
}

/** Our choice, as for the plain side (farewell.ts): how long the other end has to take what is queued for it before its stream is reset. */
const ABORT_MS = 2_000;

const NO_BYTES = new Uint8Array(0);

/** See the file's header. Create, `start`, and `cut` to end it early. */
export class StreamTraffic implements StreamUser {
  /** Plain bytes of this connection: from the encrypted side, and to it. */
  plainInBytes = 0;
  plainOutBytes = 0;
  readonly #options: StreamTrafficOptions;
  readonly #route: Route;
  /** The beginning of the far end's status; undefined once it is known, or on the server, which gets none. */
  #status: Uint8Array | undefined;
  /** How much of the stream into the plain side has been handed over. */
  #inbound: StreamInto = "open";
  #outbound: "flowing" | "ended" | "done" = "flowing";
  /** Bytes that the plain side has not taken. */
  #untaken = 0;
  #farewell: Farewell | undefined;
  #isOver = false;
  #openedAtMs = 0;
  /** The backend's first words were a refusal: any data that follows is no sign of life. */
  #refused = false;

  constructor(options: StreamTrafficOptions) {
    this.#options = options;
    this.#route = options.route;
    if (options.settings.role === "client") this.#status = NO_BYTES;
  }

  /** Begins; `rest` came on the stream before. */
  start(rest: Uint8Array): void {
    const { stream, plain, settings } = this.#options;
    this.#openedAtMs = settings.clock.monotonicMs();
    plain.tune(settings.keepAlive);
    stream.user = this;
    const { source, sink } = plain;
    source.on("data", this.#onPlainData);
    source.once("end", this.#onPlainEnd);
    sink.on("drain", this.#onDrain);
    if (rest.length > 0) this.onData(rest);
    if (stream.hasPeerEnded) this.onEnd();
    if (this.#farewell || this.#isOver) return;
    // "end" is not emitted again if it came while nobody listened.
    if (source.readableEnded) this.#onPlainEnd();
    else source.resume();
  }

  /** Ends both sides now. */
  cut(): void {
    this.#isOver = true;
    this.#detach();
    this.#options.stream.reset();
    this.#farewell ??= this.#makeFarewell(() => {});
    this.#farewell.cut();
  }

  /** A client or backend that resets its connection breaks it, which is no failure of ours; a backend that never said a word is a failure. */
  plainFailed(cause: NodeJS.ErrnoException): void {
    if (this.#options.settings.role === "server" && this.plainOutBytes === 0) {
      this.#fail(new TunnelError("BACKEND_DOWN", message("the backend {0} reset the connection before it said a word", this.#route.target.text), { cause }));
    } else {
      this.#break({ kind: "closed" });
    }
  }

  onData(bytes: Uint8Array): void {
    const data = this.#status === undefined ? bytes : this.#readStatus(bytes);
    if (data.length === 0 || this.#farewell || this.#isOver) {
      this.#options.session.consumed(this.#options.stream, bytes.length);
      return;
    }
    const first = this.plainInBytes === 0;
    this.plainInBytes += data.length;
    this.#route.stats.plainInBytes += data.length;
    if (this.#options.settings.role === "client") this.#backendSpoke(data, first);
    const { sink } = this.#options.plain;
    this.#untaken += bytes.length;
    if (sink.write(data)) this.#onDrain();
    else if (sink.errored) this.#takeLastWords();
  }

  onEnd(): void {
    if (this.#farewell || this.#isOver) return;
    if (this.#status !== undefined) {
      this.#fail(new TunnelError("BACKEND_DOWN", message("the far end ended the connection before it said whether its backend is there")));
      return;
    }
    if (this.#options.settings.role === "client" && this.plainInBytes === 0 && this.#outbound === "flowing" && this.#endsInSilence()) return;
    this.#inbound = "ended";
    this.#options.plain.sink.end(() => {
      if (this.#inbound !== "ended" || this.#options.plain.sink.errored) return;
      this.#inbound = "done";
      this.#finishIfWhole();
    });
  }

  onReset(by: "peer" | "session"): void {
    if (this.#farewell || this.#isOver) return;
    const { session, settings } = this.#options;
    if (this.#refused) {
      this.#break({ kind: "closed" });
    } else if (by === "session") {
      this.#fail(session.error ?? new TunnelError("TRUNCATED", message("the session with the other end was ended")));
    } else if (settings.role === "client" && this.plainInBytes === 0) {
      this.#fail(new TunnelError("BACKEND_DOWN", message("the far end reset the connection before any data came: its backend did")));
    } else {
      this.#fail(new TunnelError("TRUNCATED", message("the other end reset the connection in the middle of the data: the program behind it did")));
    }
  }

  onWritable(): void {
    if (this.#farewell || this.#isOver) return;
    this.#options.plain.source.resume();
  }

  onEnded(): void {
    this.#outbound = "done";
    this.#finishIfWhole();
  }

  /** Client role: takes the far end's status off the front; the data behind it. */
  #readStatus(bytes: Uint8Array): Uint8Array {
    const held = concat([this.#status as Uint8Array, bytes]);
    try {
      const status = readStatus(held);
      if (status.is === "unknown") {
        this.#status = held;
        return NO_BYTES;
      }
      this.#status = undefined;
      this.#options.onAnswered();
      if (status.is === "connected") return status.rest;
      this.#fail(status.error, "unheard");
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
    }
    return NO_BYTES;
  }

  readonly #onPlainData = (chunk: Uint8Array): void => {
    const first = this.plainOutBytes === 0;
    this.plainOutBytes += chunk.length;
    this.#route.stats.plainOutBytes += chunk.length;
    if (this.#options.settings.role === "server") this.#backendSpoke(chunk, first);
    else this.#passed(chunk);
    if (!this.#options.stream.write(chunk)) this.#options.plain.source.pause();
  };

  #passed(chunk: Uint8Array): void {
    const { plain } = this.#options;
    plain.passed?.(chunk);
    if (this.plainInBytes === 0) plain.refusal?.passed(chunk);
  }

  /** The plain stream has ended, or was reset together with its last data. */
  readonly #onPlainEnd = (): void => {
    const cause = this.#options.plain.endError?.();
    if (cause) {
      this.plainFailed(cause);
      return;
    }
    this.#outbound = "ended";
    this.#options.stream.end();
  };

  readonly #onDrain = (): void => {
    const taken = this.#untaken;
    this.#untaken = 0;
    this.#options.session.consumed(this.#options.stream, taken);
  };

  /** A write to the plain side has failed at once: data that it sent before it went away is still passed on. */
  #takeLastWords(): void {
    for (const words of this.#options.plain.lastWords?.() ?? []) this.#onPlainData(words);
  }

  #backendSpoke(bytes: Uint8Array, first: boolean): void {
    const route = this.#route;
    const refusal = first ? route.refusalIn?.(bytes) : undefined;
    if (refusal) {
      this.#refused = true;
      this.#options.onReport(refusal);
    }
    if (this.#refused || route.isOther) return;
    route.stats.backendVerifiedAtMs = this.#options.settings.clock.wallMs();
    if (first) this.#options.onBackendVerified();
  }

  /** The backend has ended the connection, perhaps without a word. True: the client is told so in place of that end. */
  #endsInSilence(): boolean {
    const { clock, connectTimeoutMs } = this.#options.settings;
    const openMs = clock.monotonicMs() - this.#openedAtMs;
    const error = backendSilent({ sentBytes: this.plainOutBytes, openMs, patienceMs: 2 * connectTimeoutMs });
    if (error && this.#options.plain.refusal?.canTake(false)) this.#fail(error);
    else if (error) this.#options.onReport(error);
    return this.#farewell !== undefined;
  }

  #finishIfWhole(): void {
    if (this.#isOver || this.#farewell || this.#inbound !== "done" || this.#outbound !== "done") return;
    this.#isOver = true;
    // A sink that has ended says nothing when it drains.
    this.#onDrain();
    this.#detach();
    this.#options.onOver({ kind: "closed" });
  }

  /** unheard: nothing that the client has said has reached the service. */
  #fail(error: TunnelError, what?: "unheard"): void {
    if (this.#farewell || this.#isOver) return;
    this.#options.onReport(error);
    this.#break({ kind: "failed", error }, what === "unheard");
  }

  /** Passes on data that had come before, then resets what is incomplete. */
  #break(end: TrafficEnd, isUnheard = false): void {
    if (this.#farewell || this.#isOver) return;
    this.#detach();
    const { stream } = this.#options;
    const onClosed = (): void => {
      this.#isOver = true;
      this.#options.onOver(end);
    };
    this.#farewell = this.#makeFarewell(onClosed, end.kind === "failed" ? { error: end.error, isUnheard } : undefined);
    // What the plain side sent before it broke is still passed on.
    stream.abort();
    if (!stream.isOver) setTimeout(() => stream.reset(), ABORT_MS).unref();
    this.#farewell.start();
  }

  #makeFarewell(onClosed: () => void, failure?: FarewellOptions["failure"]): Farewell {
    return new Farewell({ side: this.#options.plain, streamInto: this.#inbound, wasWritten: this.plainInBytes > 0, failure, onClosed });
  }

  #detach(): void {
    const { source, sink } = this.#options.plain;
    source.removeListener("data", this.#onPlainData);
    source.removeListener("end", this.#onPlainEnd);
    sink.removeListener("drain", this.#onDrain);
  }
}
