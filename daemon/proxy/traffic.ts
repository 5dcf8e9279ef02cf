/**
 * An open connection: two pipes between the encrypted side and the plain side,
 * what their first bytes and their ends mean, and how both sides are ended.
 *
 *     flowing ──both streams whole──► over
 *        └──broken──► farewell of each side ──► over
 *     any ──► over, by cut()
 *
 * A stream that is known to be incomplete never ends cleanly: a break of the
 * connection resets both sides, and so does `cut` before both streams are whole.
 * Owns the pipes and farewells, and both sides from the moment that one of these
 * ends them.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Channel } from "../protocol/wire.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { backendSilent, truncated } from "./evidence.ts";
import { Farewell, type FarewellOptions, type StreamInto } from "./farewell.ts";
import { Pipe } from "./pipe.ts";
import { endError, lastWords, type PlainSide, socketSide, tuneSocket } from "./plain-side.ts";
import type { Route } from "./route.ts";

/** How the connection ended. */
export type TrafficEnd = { readonly kind: "closed" } | { readonly kind: "failed"; readonly error: TunnelError };

/** What is joined, and the callbacks. The caller passes on errors of both sides: `wireFailed`, `plainFailed`. */
export interface TrafficOptions {
  readonly wire: net.Socket;
  readonly plain: PlainSide;
  readonly channel: Channel;
  readonly route: Route;
  readonly settings: ConnectionSettings;
  /** The backend said its first bytes, and they were no refusal. */
  readonly onBackendVerified: () => void;
  /** Something went wrong; not always the end. */
  readonly onReport: (error: TunnelError) => void;
  /** Both sides have been ended. Called once, last; not after `cut`. */
  readonly onOver: (end: TrafficEnd) => void;
}

const NO_BYTES = new Uint8Array(0);

/** See the file's header. Create, `start`, and `cut` to end it early. */
export class Traffic {
  /** Plain bytes of this connection: from the encrypted side, and to it. */
  plainInBytes = 0;
  plainOutBytes = 0;
  readonly #options: TrafficOptions;
  readonly #route: Route;
  readonly #settings: ConnectionSettings;
  #inbound: Pipe | undefined;
  #outbound: Pipe | undefined;
  /** Set while both sides are being ended. */
  #farewells: readonly Farewell[] | undefined;
  #openedAtMs = 0;
  /** The backend's first words were a refusal: any data that follows is no sign of life. */
  #refused = false;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#route = options.route;
    this.#settings = options.settings;
  }

  /** Begins; `rest` came over the wire right after the handshake. */
  start(rest: Uint8Array): void {
    const { wire, plain, channel } = this.#options;
    this.#openedAtMs = this.#settings.clock.monotonicMs();
    tuneSocket(wire, this.#settings.keepAlive);
    plain.tune(this.#settings.keepAlive);
    const onDone = (): void => {
      if (this.#inbound?.state === "done" && this.#outbound?.state === "done") this.#options.onOver({ kind: "closed" });
    };
    const onError = (error: unknown): void => {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
    };
    const inbound = new Pipe({
      source: wire,
      sink: plain.sink,
      transform: (bytes) => this.#open(channel, bytes),
      onEnd: () => this.#onWireEnd(),
      onDone,
      onError,
      // Data that the plain side sent before it went away is still passed on.
      onSinkFailed: () => plain.lastWords?.().forEach((words) => void this.#outbound?.take(words)),
    });
    const outbound = new Pipe({
      source: plain.source,
      sink: wire,
      transform: (bytes) => this.#seal(channel, bytes),
      onEnd: () => this.#onPlainEnd(),
      onDone,
      onError,
      onSinkFailed: () => lastWords(wire).forEach((words) => void this.#inbound?.take(words)),
    });
    this.#inbound = inbound;
    this.#outbound = outbound;
    inbound.start(rest);
    if (!this.#farewells) outbound.start(NO_BYTES);
  }

  /** Ends both sides now. */
  cut(): void {
    this.#farewells ??= this.#partWays(() => {});
    for (const farewell of this.#farewells) farewell.cut();
  }

  /** The encrypted side was reset, or failed otherwise. */
  wireFailed(cause: NodeJS.ErrnoException): void {
    // A service that refused us with unread input resets us after its refusal, and the refusal has said why.
    if (this.#refused) {
      this.#break({ kind: "closed" });
      return;
    }
    this.#fail(
      this.plainInBytes === 0 && this.#settings.role === "client"
        ? new TunnelError("BACKEND_DOWN", message("the far side reset the connection before any data came: its backend probably refused it"), { cause })
        : new TunnelError(
            "TRUNCATED",
            message("the other end reset the connection in the middle of the data: the program behind it did, that end stopped, or the network cut it"),
            { cause },
          ),
    );
  }

  /** A client or backend that resets its connection breaks it, which is no failure of ours; a backend that never said a word is a failure. */
  plainFailed(cause: NodeJS.ErrnoException): void {
    if (this.#settings.role === "server" && this.plainOutBytes === 0) {
      this.#fail(new TunnelError("BACKEND_DOWN", message("the backend {0} reset the connection before it said a word", this.#route.target.text), { cause }));
    } else {
      this.#break({ kind: "closed" });
    }
  }

  #fail(error: TunnelError): void {
    if (this.#farewells) return;
    this.#options.onReport(error);
    this.#break({ kind: "failed", error });
  }

  /** Passes on data that had come before, then resets streams that are incomplete. */
  #break(end: TrafficEnd): void {
    if (this.#farewells) return;
    let open = 2;
    const onClosed = (): void => {
      open -= 1;
      if (open === 0) this.#options.onOver(end);
    };
    // On this wire nobody says whether the service has heard anything.
    this.#farewells = this.#partWays(onClosed, end.kind === "failed" ? { error: end.error, isUnheard: false } : undefined);
    for (const farewell of this.#farewells) farewell.start();
  }

  /** Stops both pipes; their states decide how each side is ended. */
  #partWays(onClosed: () => void, failure?: FarewellOptions["failure"]): readonly Farewell[] {
    const { plain, wire } = this.#options;
    const sides = [
      { side: plain, streamInto: streamOf(this.#inbound), wasWritten: this.plainInBytes > 0, failure },
      { side: socketSide(wire), streamInto: streamOf(this.#outbound), wasWritten: this.plainOutBytes > 0 },
    ];
    this.#inbound?.stop();
    this.#outbound?.stop();
    return sides.map((side) => new Farewell({ ...side, onClosed }));
  }

  #open(channel: Channel, bytes: Uint8Array): Uint8Array {
    const stats = this.#route.stats;
    stats.wireInBytes += bytes.length;
    const plain = channel.open(bytes);
    if (plain.length > 0) {
      const first = this.plainInBytes === 0;
      this.plainInBytes += plain.length;
      stats.plainInBytes += plain.length;
      if (this.#settings.role === "client") this.#backendSpoke(plain, first);
    }
    return plain;
  }

  #seal(channel: Channel, bytes: Uint8Array): Uint8Array {
    const stats = this.#route.stats;
    const first = this.plainOutBytes === 0;
    this.plainOutBytes += bytes.length;
    stats.plainOutBytes += bytes.length;
    if (this.#settings.role === "server") this.#backendSpoke(bytes, first);
    else this.#passed(bytes);
    const sealed = channel.seal(bytes);
    stats.wireOutBytes += sealed.length;
    return sealed;
  }

  #passed(bytes: Uint8Array): void {
    const { plain } = this.#options;
    plain.passed?.(bytes);
    if (this.plainInBytes === 0) plain.refusal?.passed(bytes);
  }

  #backendSpoke(bytes: Uint8Array, first: boolean): void {
    const route = this.#route;
    // A refusal is sent in one piece; if it is longer, its first packet is enough.
    const refusal = first ? route.refusalIn?.(bytes) : undefined;
    if (refusal) {
      this.#refused = true;
      this.#options.onReport(refusal);
    }
    if (this.#refused) return;
    route.stats.backendVerifiedAtMs = this.#settings.clock.wallMs();
    if (first) this.#options.onBackendVerified();
  }

  /** The encrypted stream has ended: cleanly, by a reset that libuv took for an end, inside a packet, or before the backend said a word. */
  #onWireEnd(): void {
    const { wire, channel } = this.#options;
    const cause = endError(wire);
    const pending = channel.pendingBytes;
    if (cause) {
      this.wireFailed(cause);
    } else if (pending > 0) {
      this.#fail(truncated(pending));
    } else if (this.#settings.role === "client" && this.plainInBytes === 0 && this.#outbound?.state === "flowing") {
      const openMs = this.#settings.clock.monotonicMs() - this.#openedAtMs;
      const error = backendSilent({ sentBytes: this.plainOutBytes, openMs, patienceMs: 2 * this.#settings.connectTimeoutMs });
      // Whoever can't be told gets the end, as from the service itself.
      if (error && this.#options.plain.refusal?.canTake(false)) this.#fail(error);
      else if (error) this.#options.onReport(error);
    }
  }

  /** The plain stream has ended, or was reset together with its last data. */
  #onPlainEnd(): void {
    const cause = this.#options.plain.endError?.();
    if (cause) this.plainFailed(cause);
  }
}

/** How much of the stream into its sink a pipe has handed over. */
function streamOf(pipe: Pipe | undefined): StreamInto {
  return pipe?.state === "done" || pipe?.state === "ended" ? pipe.state : "open";
}
