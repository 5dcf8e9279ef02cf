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
import { TunnelError } from "../../shared/errors.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { type ForwardSecrecy, SpipedHandshake } from "../protocol/handshake.ts";
import type { Channel, Role } from "../protocol/wire.ts";
import { type Dialled, dial } from "./dial.ts";
import { type Endpoint, resetSocket, socketEndpoint, tuneSocket } from "./endpoint.ts";
import { backendSilent, handshakeBroken, perhapsStrange, plainClient, strangeServer, truncated } from "./evidence.ts";
import { Pipe } from "./pipe.ts";
import type { Route } from "./route.ts";
import { type Clock, record } from "./stats.ts";
import type { ResolvedAddress } from "./target.ts";
import { type HandshakeDone, WireHandshake } from "./wire-handshake.ts";
import { withinTime } from "./within-time.ts";

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
  /** Whether an address is where this connection came in. */
  leadsBack(address: ResolvedAddress): boolean;
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

/** Our choice: a connect that loses the race is one that MySQL counts towards max_connect_errors, so a backend has longer. */
const BACKEND_ALONE_MS = 2_000;

/** Our choice: how long a refused peer that stays silent has to read S5, and one that is sent a FIN has to close. */
const REFUSAL_MS = { grace: 100, linger: 2_000 };

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
  #handshake: WireHandshake | undefined;
  #channel: Channel | undefined;
  #inbound: Pipe | undefined;
  #outbound: Pipe | undefined;
  #timer: NodeJS.Timeout | undefined;
  #openedAtMs = 0;
  /** The backend's first words were a refusal: whatever follows them is no sign of life. */
  #refused = false;
  /** Wire bytes before the route was known. */
  readonly #early = { wireInBytes: 0, wireOutBytes: 0 };

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
    if (this.#phase !== "open" || !this.#settings.keepAlive) return;
    this.#wire?.setKeepAlive(true, WAKE_KEEP_ALIVE_MS);
  }

  /** Ends the connection now, whatever its state; the only way out. */
  drop(reason: DropReason): void {
    if (this.#phase === "closed") return;
    const wasOpen = this.#phase === "open";
    this.#setPhase("closed");
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#handshake?.stop();
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
      const addresses = await withinTime(route.target.addresses(), {
        timeoutMs: connectTimeoutMs,
        late: () => new TunnelError("DNS_FAILED", `the name of ${route.target.text} was not resolved within ${connectTimeoutMs / 1000} s`),
        signal: this.#abort.signal,
      });
      if (this.#phase === "closed") return;
      const { socket, address } = await this.#connect(route, addresses);
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

  /** Dials what does not lead back to us; a name may stand for us and for somebody else. */
  async #connect(route: Route, addresses: readonly ResolvedAddress[]): Promise<Dialled> {
    const elsewhere = addresses.filter((address) => !this.#owner.leadsBack(address));
    const { role, connectTimeoutMs } = this.#settings;
    const how = { timeoutMs: connectTimeoutMs, bind: route.bind, signal: this.#abort.signal };
    const options = { addresses: elsewhere, ...how, ...(role === "server" && { aloneMs: BACKEND_ALONE_MS }) };
    if (elsewhere.length === addresses.length) return await dial(options);
    try {
      return await dial(options);
    } catch (cause) {
      const text = `"${route.name}" would lead to itself: ${route.target.text} is its own listen address, correct its target`;
      throw new TunnelError("CONFIG_INVALID", text, { cause });
    }
  }

  #startHandshake(wire: net.Socket, routes: readonly Route[]): void {
    const { role, suite, random, forwardSecrecy, handshakeTimeoutMs, clock } = this.#settings;
    this.#setPhase("handshaking");
    this.#wire = wire;
    wire.on("error", this.#onWireError);
    const keys = role === "client" ? routes.flatMap((route) => route.keys.slice(0, 1)) : routes.flatMap((route) => route.keys);
    const startMs = clock.monotonicMs();
    this.#handshake = new WireHandshake({
      wire,
      handshake: new SpipedHandshake({ role, suite, random, keys, forwardSecrecy }),
      timeoutMs: handshakeTimeoutMs,
      onBytes: (count) => this.#countWire(count),
      onDone: (step) => this.#onVerified(step, clock.monotonicMs() - startMs),
      onFailed: (error) => this.#fail(error),
      explainBreak: (progress, how) => {
        const verifiedBefore = this.#route?.stats.keyVerifiedAtMs !== undefined;
        return handshakeBroken({ role, progress, how, verifiedBefore });
      },
      ...(role === "server" ? { recognise: plainClient } : { refuseEarly: strangeServer, recognise: perhapsStrange }),
    });
    this.#handshake.start();
  }

  /** C5 or S4 has succeeded: the other end holds the key. */
  #onVerified(step: HandshakeDone, tookMs: number): void {
    const wire = this.#wire as net.Socket;
    this.#channel = step.channel;
    const { route, index } = this.#routeOfKey(step.keyIndex);
    if (this.#settings.role === "server") this.#useRoute(route);
    this.#countWire({ inBytes: -step.rest.length, outBytes: 0 }); // counted again when the pipe takes it
    record(route.stats.handshake, tookMs);
    const nowMs = this.#settings.clock.wallMs();
    route.stats.keyVerifiedAtMs = nowMs;
    const keyName = route.keyNames?.[index];
    if (keyName !== undefined) route.stats.useKey(keyName, nowMs);
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

  /** The route of a key among all that were offered, and which of its keys it is. */
  #routeOfKey(keyIndex: number): { readonly route: Route; readonly index: number } {
    if (this.#accepted.role === "client") return { route: this.#accepted.route, index: 0 };
    let index = keyIndex;
    for (const route of this.#accepted.routes) {
      if (index < route.keys.length) return { route, index };
      index -= route.keys.length;
    }
    throw new RangeError(`no route has key ${keyIndex}`);
  }

  /**
   * Server role, after S5: the peer has proved its key, so it learns that it is not served: by a reset when there is no
   * backend, by a FIN when it is one too many. One that has sent or ended anything is reset in either case: what it sent
   * is lost, and a FIN would look like an answer without data. Before the reset S5 must be read: a word or an end proves
   * that it was; one that stays silent has a moment.
   */
  #refuse(error: TunnelError): void {
    const wire = this.#wire as net.Socket;
    this.#setPhase("refusing");
    this.#report(error);
    const reset = (): void => {
      resetSocket(wire);
      this.drop({ kind: "failed", error });
    };
    const finish = (): void => {
      this.#timer = setTimeout(reset, REFUSAL_MS.linger);
      wire.end();
    };
    if (wire.readableEnded || wire.readableLength > 0) {
      reset();
      return;
    }
    this.#timer = setTimeout(error.code === "LIMIT_REACHED" ? finish : reset, REFUSAL_MS.grace);
    wire.once("data", reset);
    wire.once("end", reset);
    wire.once("close", reset);
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
    inbound.start(rest);
    if (!this.#isClosed()) outbound.start(NO_BYTES);
  }

  #open(channel: Channel, bytes: Uint8Array): Uint8Array {
    const stats = (this.#route as Route).stats;
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
    const stats = (this.#route as Route).stats;
    const first = this.plainOutBytes === 0;
    this.plainOutBytes += bytes.length;
    stats.plainOutBytes += bytes.length;
    if (this.#settings.role === "server") this.#backendSpoke(bytes, first);
    const sealed = channel.seal(bytes);
    stats.wireOutBytes += sealed.length;
    return sealed;
  }

  #backendSpoke(bytes: Uint8Array, first: boolean): void {
    const route = this.#route as Route;
    // A refusal is sent in one piece; of a longer one the first packet is enough.
    const refusal = first ? route.refusalIn?.(bytes) : undefined;
    if (refusal) {
      this.#refused = true;
      this.#report(refusal);
    }
    if (this.#refused) return;
    route.stats.backendVerifiedAtMs = this.#settings.clock.wallMs();
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
      case "handshaking": // the handshake listens too, and says what it means
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
    route.stats.wireInBytes += this.#early.wireInBytes;
    route.stats.wireOutBytes += this.#early.wireOutBytes;
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

  #countWire({ inBytes, outBytes }: { readonly inBytes: number; readonly outBytes: number }): void {
    const counters = this.#route?.stats ?? this.#early;
    counters.wireInBytes += inBytes;
    counters.wireOutBytes += outBytes;
  }

  /** `#phase` may change while a promise is awaited, which the compiler can't see. */
  #isClosed(): boolean {
    return this.#phase === "closed";
  }
}
