/**
 * One connection through a tunnel, from accept to close: dial, handshake, two
 * pipes, and one way out, `drop`. A client role dials, handshakes, then reads
 * its client; a server role handshakes and dials its backend only once the peer
 * has proved its key, so that a stranger never causes a dial.
 *
 *     client:  dialling ──► handshaking ──► open ──► closed
 *     server:  handshaking ──► dialling ──► open ──► closed
 *                                  └──► refusing ──► closed   (S5 was sent; then nothing but the end)
 *     any state but closed ──► closed, by drop(reason)
 */
import type * as net from "node:net";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { TunnelError } from "../errors.ts";
import { type ForwardSecrecy, SpipedHandshake } from "../protocol/handshake.ts";
import type { Channel, Handshake, HandshakeStep, Role } from "../protocol/wire.ts";
import { dial } from "./dial.ts";
import { type Endpoint, socketEndpoint, tuneSocket } from "./endpoint.ts";
import { backendSilent, handshakeBroken, truncated } from "./evidence.ts";
import { Pipe } from "./pipe.ts";
import type { Route } from "./route.ts";
import { type Clock, record } from "./stats.ts";

/** Where a connection stands. */
export type Phase = "dialling" | "handshaking" | "open" | "refusing" | "closed";

/** Why a connection ended. */
export type DropReason = { readonly kind: "closed" } | { readonly kind: "cancelled" } | { readonly kind: "failed"; readonly error: TunnelError };

/** Settings shared by all connections of a listener. */
export interface ConnectionSettings {
  readonly role: Role;
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly forwardSecrecy: ForwardSecrecy;
  /** Budget of each target address, and of the look-up before it. */
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly keepAlive: boolean;
}

/** Who is told what happens; each call is synchronous and must not throw. */
export interface ConnectionOwner {
  /** Server role: the peer proved a key of `route`. Whether there is room for it; if not, it is closed with LIMIT_REACHED. */
  admit(connection: Connection, route: Route): boolean;
  /** New evidence: the other end proved its key, or the backend said its first bytes on this connection. */
  verified(connection: Connection, what: "key" | "backend"): void;
  /** Something went wrong; counted already where a route is known. Not always the end of the connection. */
  failed(connection: Connection, error: TunnelError): void;
  /** Called once, last. */
  closed(connection: Connection, reason: DropReason): void;
}

/** What was accepted: a plain client (client role, with its route) or an encrypted one (server role). */
export type Accepted =
  | { readonly role: "client"; readonly plain: Endpoint; readonly route: Route }
  | { readonly role: "server"; readonly wire: net.Socket; readonly routes: readonly Route[] };

/** The design's figure for probing after a wake. */
const WAKE_KEEP_ALIVE_MS = 1_000;

/** Our choice: how long a refused peer may take to read S5 and close. */
const REFUSAL_LINGER_MS = 2_000;

const NO_BYTES = new Uint8Array(0);

/** One connection. Create, `start`, and `drop` to end it early. */
export class Connection {
  /** The address the connection came from, for people. */
  readonly peer: string;
  readonly acceptedAtMs: number;
  /** Plain bytes of this connection: from the encrypted side, and to it. */
  plainInBytes = 0;
  plainOutBytes = 0;
  readonly #settings: ConnectionSettings;
  readonly #owner: ConnectionOwner;
  readonly #accepted: Accepted;
  readonly #abort = new AbortController();
  #phase: Phase;
  #route: Route | undefined;
  #wire: net.Socket | undefined;
  #plain: Endpoint | undefined;
  #handshake: Handshake | undefined;
  #handshakeStartMs = 0;
  #channel: Channel | undefined;
  #inbound: Pipe | undefined;
  #outbound: Pipe | undefined;
  #timer: NodeJS.Timeout | undefined;
  #openedAtMs = 0;
  /** Wire bytes before the route was known. */
  #earlyInBytes = 0;
  #earlyOutBytes = 0;

  constructor(accepted: Accepted, context: { readonly peer: string; readonly settings: ConnectionSettings; readonly owner: ConnectionOwner }) {
    this.peer = context.peer;
    this.#settings = context.settings;
    this.#owner = context.owner;
    this.#accepted = accepted;
    this.acceptedAtMs = context.settings.clock.wallMs();
    this.#phase = accepted.role === "client" ? "dialling" : "handshaking";
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The route, once it is known (server role: after S4). */
  get route(): Route | undefined {
    return this.#route;
  }

  start(): void {
    const accepted = this.#accepted;
    if (accepted.role === "client") {
      this.#usePlain(accepted.plain);
      this.#useRoute(accepted.route);
      void this.#dial(accepted.route);
    } else {
      this.#startHandshake(accepted.wire, accepted.routes);
    }
  }

  /** After the machine has slept: probe an idle peer soon, so that a dead flow ends in seconds and a live one stays. */
  rearmKeepAlive(): void {
    if (this.#phase !== "open") return;
    this.#wire?.setKeepAlive(true, WAKE_KEEP_ALIVE_MS);
  }

  /** Ends the connection now, whatever its state; the only way out. */
  drop(reason: DropReason): void {
    if (this.#phase === "closed") return;
    const wasOpen = this.#phase === "open";
    this.#setPhase("closed");
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#inbound?.stop();
    this.#outbound?.stop();
    this.#channel?.wipe();
    this.#wire?.destroy();
    // After data has flowed, a failure must not look like the end of a whole stream.
    if (wasOpen && reason.kind === "failed") this.#plain?.reset();
    else this.#plain?.destroy();
    this.#owner.closed(this, reason);
  }

  #fail(error: TunnelError): void {
    if (this.#phase === "closed") return;
    this.#report(error);
    this.drop({ kind: "failed", error });
  }

  #report(error: TunnelError): void {
    this.#route?.stats.fail(error, this.#settings.clock.wallMs());
    this.#owner.failed(this, error);
  }

  async #dial(route: Route): Promise<void> {
    const { clock, connectTimeoutMs } = this.#settings;
    const startMs = clock.monotonicMs();
    try {
      const addresses = await withinTime(route.target.addresses(), { timeoutMs: connectTimeoutMs, text: route.target.text, signal: this.#abort.signal });
      if (this.#phase === "closed") return;
      const { socket, address } = await dial({ addresses, timeoutMs: connectTimeoutMs, bind: route.bind, signal: this.#abort.signal });
      if (this.#isClosed()) {
        socket.destroy();
        return;
      }
      route.target.noteGood(address);
      record(route.stats.dial, clock.monotonicMs() - startMs);
      if (this.#settings.role === "client") {
        this.#startHandshake(socket, [route]);
      } else {
        this.#usePlain(socketEndpoint(socket));
        this.#openPipes(NO_BYTES);
      }
    } catch (error) {
      if (this.#isClosed()) return;
      const failure = error instanceof TunnelError ? error : new TunnelError("CONNECT_UNREACHABLE", `${route.target.text}: ${String(error)}`, { cause: error });
      if (this.#settings.role === "client") this.#fail(failure);
      else this.#refuse(failure);
    }
  }

  #startHandshake(wire: net.Socket, routes: readonly Route[]): void {
    const { role, suite, random, forwardSecrecy, handshakeTimeoutMs, clock } = this.#settings;
    this.#setPhase("handshaking");
    this.#wire = wire;
    const keys = role === "client" ? routes.flatMap((route) => route.keys.slice(0, 1)) : routes.flatMap((route) => route.keys);
    this.#handshake = new SpipedHandshake({ role, suite, random, keys, forwardSecrecy });
    this.#handshakeStartMs = clock.monotonicMs();
    wire.on("error", this.#onWireError);
    wire.on("data", this.#onHandshakeData);
    wire.on("end", this.#onHandshakeEnd);
    this.#timer = setTimeout(() => {
      const where = this.#handshake?.progress === "no-byte" ? "not one byte came" : "the other end stopped half-way";
      this.#fail(new TunnelError("HANDSHAKE_TIMEOUT", `the handshake took longer than ${handshakeTimeoutMs / 1000} s: ${where}`));
    }, handshakeTimeoutMs);
    this.#send(this.#handshake.start());
    wire.resume();
  }

  readonly #onHandshakeData = (chunk: Uint8Array): void => {
    this.#countIn(chunk.length);
    let step: HandshakeStep;
    try {
      step = (this.#handshake as Handshake).receive(chunk);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
      return;
    }
    if (step.send) this.#send(step.send);
    if (step.state === "done") this.#onVerified(step);
  };

  readonly #onHandshakeEnd = (): void => this.#handshakeBroken("closed");

  #handshakeBroken(how: "closed" | "reset"): void {
    const progress = this.#handshake?.progress ?? "no-byte";
    const verifiedBefore = this.#route?.stats.keyVerifiedAtMs !== undefined;
    this.#fail(handshakeBroken({ role: this.#settings.role, progress, how, verifiedBefore }));
  }

  /** C5 or S4 has succeeded: the other end holds the key. */
  #onVerified(step: Extract<HandshakeStep, { state: "done" }>): void {
    const wire = this.#wire as net.Socket;
    clearTimeout(this.#timer);
    wire.pause();
    wire.removeListener("data", this.#onHandshakeData);
    wire.removeListener("end", this.#onHandshakeEnd);
    this.#channel = step.channel;
    const route = this.#routeOfKey(step.keyIndex);
    if (this.#settings.role === "server") this.#useRoute(route);
    this.#countIn(-step.rest.length); // counted again when the pipe takes it
    record(route.stats.handshake, this.#settings.clock.monotonicMs() - this.#handshakeStartMs);
    route.stats.keyVerifiedAtMs = this.#settings.clock.wallMs();
    this.#owner.verified(this, "key");
    if (this.#settings.role === "client") {
      this.#openPipes(step.rest);
      return;
    }
    if (step.rest.length > 0) wire.unshift(step.rest);
    if (!this.#owner.admit(this, route)) {
      this.#refuse(new TunnelError("LIMIT_REACHED", `"${route.name}" has its ${route.maxConnections} connections: raise the limit or close some`));
      return;
    }
    this.#setPhase("dialling");
    void this.#dial(route);
  }

  #routeOfKey(keyIndex: number): Route {
    if (this.#accepted.role === "client") return this.#accepted.route;
    let index = keyIndex;
    for (const route of this.#accepted.routes) {
      if (index < route.keys.length) return route;
      index -= route.keys.length;
    }
    throw new RangeError(`no route has key ${keyIndex}`);
  }

  /** Server role, after S5: the peer has proved its key, so it learns that there is no backend by our closing without data. */
  #refuse(error: TunnelError): void {
    const wire = this.#wire as net.Socket;
    this.#setPhase("refusing");
    this.#report(error);
    const drop = (): void => this.drop({ kind: "failed", error });
    // Closing with unread bytes would make the kernel send RST, which may overtake S5: read until the peer closes.
    this.#timer = setTimeout(drop, REFUSAL_LINGER_MS);
    if (wire.readableEnded) {
      drop();
      return;
    }
    wire.once("end", drop);
    wire.once("close", drop);
    wire.on("data", () => {});
    wire.end();
    wire.resume();
  }

  #openPipes(rest: Uint8Array): void {
    const [wire, plain, channel] = [this.#wire as net.Socket, this.#plain as Endpoint, this.#channel as Channel];
    this.#setPhase("open");
    this.#openedAtMs = this.#settings.clock.monotonicMs();
    tuneSocket(wire, this.#settings.keepAlive);
    plain.tune(this.#settings.keepAlive);
    const onDone = (): void => {
      if (this.#inbound?.state === "done" && this.#outbound?.state === "done") this.drop({ kind: "closed" });
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
    });
    const outbound = new Pipe({ source: plain.source, sink: wire, transform: (bytes) => this.#seal(channel, bytes), onEnd: () => {}, onDone, onError });
    this.#inbound = inbound;
    this.#outbound = outbound;
    outbound.start(NO_BYTES);
    inbound.start(rest);
  }

  #open(channel: Channel, bytes: Uint8Array): Uint8Array {
    this.#countIn(bytes.length);
    const plain = channel.open(bytes);
    if (plain.length > 0) {
      const first = this.plainInBytes === 0;
      this.plainInBytes += plain.length;
      (this.#route as Route).stats.plainInBytes += plain.length;
      if (this.#settings.role === "client") this.#backendSpoke(first);
    }
    return plain;
  }

  #seal(channel: Channel, bytes: Uint8Array): Uint8Array {
    const stats = (this.#route as Route).stats;
    const first = this.plainOutBytes === 0;
    this.plainOutBytes += bytes.length;
    stats.plainOutBytes += bytes.length;
    if (this.#settings.role === "server") this.#backendSpoke(first);
    const sealed = channel.seal(bytes);
    stats.wireOutBytes += sealed.length;
    return sealed;
  }

  #backendSpoke(first: boolean): void {
    (this.#route as Route).stats.backendVerifiedAtMs = this.#settings.clock.wallMs();
    if (first) this.#owner.verified(this, "backend");
  }

  /** The encrypted stream has ended: cleanly, inside a packet, or before the backend said a word. */
  #onWireEnd(): void {
    const pending = this.#channel?.pendingBytes ?? 0;
    if (pending > 0) {
      this.#report(truncated(pending));
    } else if (this.#settings.role === "client" && this.plainInBytes === 0 && this.#outbound?.state === "flowing") {
      const openMs = this.#settings.clock.monotonicMs() - this.#openedAtMs;
      const error = backendSilent({ sentBytes: this.plainOutBytes, openMs, patienceMs: 2 * this.#settings.connectTimeoutMs });
      if (error) this.#report(error);
    }
  }

  readonly #onWireError = (cause: NodeJS.ErrnoException): void => {
    switch (this.#phase) {
      case "handshaking":
        this.#handshakeBroken("reset");
        return;
      case "open":
        this.#fail(
          this.plainInBytes === 0 && this.#settings.role === "client"
            ? new TunnelError("BACKEND_DOWN", "the far side reset the connection before any data came: its backend probably refused it", { cause })
            : new TunnelError("TRUNCATED", "the other end reset the connection in the middle of the data", { cause }),
        );
        return;
      case "dialling":
        this.drop({ kind: "closed" });
        return;
      case "refusing":
      case "closed":
        return;
    }
  };

  /** A client or backend that resets its connection ends it, as with spiped; a backend that never said a word is a failure. */
  readonly #onPlainError = (cause: NodeJS.ErrnoException): void => {
    if (this.#phase === "open" && this.#settings.role === "server" && this.plainOutBytes === 0) {
      this.#fail(new TunnelError("BACKEND_DOWN", `the backend ${this.#route?.target.text} reset the connection before it said a word`, { cause }));
    } else {
      this.drop({ kind: "closed" });
    }
  };

  #usePlain(plain: Endpoint): void {
    this.#plain = plain;
    plain.source.on("error", this.#onPlainError);
    if (plain.sink !== (plain.source as unknown)) plain.sink.on("error", this.#onPlainError);
  }

  #useRoute(route: Route): void {
    this.#route = route;
    route.stats.total += 1;
    route.stats.wireInBytes += this.#earlyInBytes;
    route.stats.wireOutBytes += this.#earlyOutBytes;
    this.#countPhase(route, 1);
  }

  #setPhase(phase: Phase): void {
    if (this.#route) this.#countPhase(this.#route, -1);
    this.#phase = phase;
    if (this.#route) this.#countPhase(this.#route, 1);
  }

  /** Keeps `open` and `opening` of the route equal to the phases of its connections. */
  #countPhase(route: Route, change: 1 | -1): void {
    if (this.#phase === "open") route.stats.open += change;
    else if (this.#phase !== "closed") route.stats.opening += change;
  }

  #send(bytes: Uint8Array): void {
    if (this.#route) this.#route.stats.wireOutBytes += bytes.length;
    else this.#earlyOutBytes += bytes.length;
    this.#wire?.write(bytes);
  }

  #countIn(bytes: number): void {
    if (this.#route) this.#route.stats.wireInBytes += bytes;
    else this.#earlyInBytes += bytes;
  }

  /** `#phase` may change while a promise is awaited, which the compiler can't see. */
  #isClosed(): boolean {
    return this.#phase === "closed";
  }
}

interface Patience {
  readonly timeoutMs: number;
  /** What is waited for, for people. */
  readonly text: string;
  readonly signal: AbortSignal;
}

/** The promise, or DNS_FAILED when it takes too long, or the signal's reason. */
async function withinTime<T>(promise: Promise<T>, { timeoutMs, text, signal }: Patience): Promise<T> {
  let stop = (): void => {};
  const late = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason);
    const timer = setTimeout(() => reject(new TunnelError("DNS_FAILED", `the name of ${text} was not resolved within ${timeoutMs / 1000} s`)), timeoutMs);
    signal.addEventListener("abort", abort);
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
  }
}
