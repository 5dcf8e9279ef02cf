/**
 * One connection through a tunnel, from accept to close: dial, handshake, two
 * pipes, and one way out, `drop`. A client role dials, handshakes, then reads
 * its client; a server role handshakes and dials its backend only once the peer
 * has proved its key, so that a stranger never causes a dial.
 *
 *     client:  dialling ──► handshaking ──► open ──► closed
 *                  │└──◄──────┘  once, when the far side closed and left its reason open (proof-doubt.ts)
 *                  └──► open, as a stream of a session that is there
 *     server:  handshaking ──► dialling ──► open ──► closed
 *                  └──► closed, when the other end speaks the native wire: a session goes on (native-session.ts),
 *                       here or in another process (generations.ts)
 *     stream:               dialling ──► open ──► closed      (server role, on a session)
 *                                  └──► refusing ──► closed   (S5 was sent; then nothing but the end)
 *     any state but closed ──► closed, by drop(reason)
 *
 * Keeps the phase and the counters; the work is done in `opening.ts` until the
 * connection is open, and in `traffic.ts` from then on.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { MuxStream } from "../protocol/mux-stream.ts";
import type { ClientQuestion, ServerAnswer } from "../protocol/negotiation.ts";
import { writeTarget } from "../protocol/stream-words.ts";
import type { Begun, Channel, NativeStart, Wire } from "../protocol/wire.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import type { IncomingStream } from "./incoming-stream.ts";
import type { NativeSession } from "./native-session.ts";
import type { NativeWay } from "./native-way.ts";
import { Opening } from "./opening.ts";
import { type PlainSide, resetSocket, socketSide } from "./plain-side.ts";
import { type Route, routeOfKey } from "./route.ts";
import { countWire, record } from "./stats.ts";
import { StreamTraffic } from "./stream-traffic.ts";
import type { ResolvedAddress } from "./target.ts";
import { Traffic, type TrafficEnd } from "./traffic.ts";
import type { HandshakeDone, NativeDone } from "./wire-handshake.ts";

/** Where a connection stands. */
export type Phase = "dialling" | "handshaking" | "open" | "refusing" | "closed";

/** Why a connection ended. */
export type DropReason = TrafficEnd | { readonly kind: "cancelled" };

/** Who is told what happens; each call is synchronous and must not throw. */
export interface ConnectionOwner {
  /** Whether an address is where this connection came in. */
  leadsBack(address: ResolvedAddress): boolean;
  /** Server role: the peer proved a key of `route`. Whether there is room for the connection; if not, it is closed with LIMIT_REACHED. */
  admit(connection: Connection, route: Route): boolean;
  /** New evidence: the other end proved its key, or the backend said its first bytes on this connection. */
  verified(connection: Connection, what: "key" | "backend"): void;
  /** Something went wrong. The failure is counted already if a route is known. The connection does not always end. */
  failed(connection: Connection, error: TunnelError): void;
  /** Server role: a client that holds `key` asks for a session, new or there before. @throws TunnelError the client is refused */
  asked(question: ClientQuestion, of: { readonly route: Route; readonly key: SharedKey }): ServerAnswer | "elsewhere";
  /** Server role: the other end speaks the native wire. The owner takes the wire over; this connection is over. */
  session(connection: Connection, route: Route, start: SessionStart): void;
  /** Server role: the client asks for a session of another process. The owner takes the wire over; this connection is over. */
  elsewhere(connection: Connection, wire: net.Socket, begun: Begun): void;
  /** Called once, last; not after `session` or `elsewhere`. */
  closed(connection: Connection, reason: DropReason): void;
}

/** A session of the native wire, from its handshake on. */
export interface SessionStart {
  readonly wire: net.Socket;
  readonly native: NativeStart;
  readonly rest: Uint8Array;
  /** Which of the route's keys was proved. */
  readonly key: SharedKey;
}

/** What was accepted: a plain client (client role, with its route), an encrypted one (server role), or a stream of such a one. */
export type Accepted =
  | { readonly role: "client"; readonly plain: PlainSide; readonly route: Route }
  /** `begun`: another process has begun the handshake. */
  | { readonly role: "server"; readonly wire: net.Socket; readonly routes: readonly Route[]; readonly begun?: Begun | undefined }
  | { readonly role: "stream"; readonly incoming: IncomingStream; readonly route: Route };

/** The design's figure for probing after a wake. */
const WAKE_KEEP_ALIVE_MS = 1_000;

/** Our choice: how long a refused peer that stays silent has to read S5, and how long a peer that is sent a FIN has to close. */
const REFUSAL_MS = { grace: 100, linger: 2_000 };

const NO_BYTES = new Uint8Array(0);

/** One connection. Create, `start`, and `drop` to end it early. */
export class Connection {
  /** The address the connection came from, for people. */
  readonly peer: string;
  readonly acceptedAtMs: number;
  readonly #settings: ConnectionSettings;
  readonly #owner: ConnectionOwner;
  readonly #accepted: Accepted;
  readonly #opening: Opening;
  #phase: Phase;
  #route: Route | undefined;
  #plain: PlainSide | undefined;
  #channel: Channel | undefined;
  /** Set once the connection is open. */
  #traffic: Traffic | StreamTraffic | undefined;
  /** A stream that was refused: the refusal ends it. */
  #isRefused = false;
  /** The timer of a refusal. */
  #timer: NodeJS.Timeout | undefined;
  /** Wire bytes before the route was known. */
  readonly #early = { wireInBytes: 0, wireOutBytes: 0 };

  constructor(accepted: Accepted, context: { readonly peer: string; readonly settings: ConnectionSettings; readonly owner: ConnectionOwner }) {
    const { settings, owner } = context;
    this.peer = context.peer;
    this.#settings = settings;
    this.#owner = owner;
    this.#accepted = accepted;
    this.acceptedAtMs = settings.clock.wallMs();
    this.#phase = accepted.role === "server" ? "handshaking" : "dialling";
    this.#opening = new Opening({
      settings,
      memory: accepted.role === "client" ? accepted.route.secondLook : undefined,
      leadsBack: (address) => owner.leadsBack(address),
      onDialling: () => this.#setPhase("dialling"),
      onConnected: (socket) => this.#onConnected(socket),
      onSession: (session) => this.#openStream(session),
      onNative: (step, tookMs) => this.#onNative(step, tookMs),
      onVerified: (step, tookMs) => this.#onVerified(step, tookMs),
      onFailed: (error) => this.#onOpeningFailed(error),
      onAsked: (question) => {
        const { route, index } = this.#routeOf(question.keyIndex);
        return owner.asked(question, { route, key: route.keys[index] as SharedKey });
      },
      onElsewhere: (begun) => {
        const wire = this.#opening.releaseWire();
        this.#phase = "closed";
        this.#opening.stop(undefined);
        owner.elsewhere(this, wire, begun);
      },
      onBytes: (count) => this.#countWire(count),
      onWireError: this.#onWireError,
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The route, once it is known (server role: after S4). */
  get route(): Route | undefined {
    return this.#route;
  }

  /** Plain bytes of this connection that came from the encrypted side. */
  get plainInBytes(): number {
    return this.#traffic?.plainInBytes ?? 0;
  }

  /** Plain bytes of this connection that went to the encrypted side. */
  get plainOutBytes(): number {
    return this.#traffic?.plainOutBytes ?? 0;
  }

  /** Bytes that came over the wire before the route was known: server role, before S4. */
  get heardBytes(): number {
    return this.#early.wireInBytes;
  }

  start(): void {
    const accepted = this.#accepted;
    if (accepted.role === "client") {
      this.#usePlain(accepted.plain);
      this.#useRoute(accepted.route);
      void this.#opening.reach(accepted.route);
    } else if (accepted.role === "stream") {
      this.#useRoute(accepted.route);
      this.#serveStream(accepted.incoming, accepted.route);
    } else {
      this.#handshake(accepted.wire, accepted.routes, accepted.begun);
    }
  }

  /** After the machine has slept: probes an idle peer soon, so that a dead connection ends in seconds and a live one stays. */
  rearmKeepAlive(): void {
    if (this.#phase !== "open" || !this.#settings.keepAlive) return;
    this.#opening.wire?.setKeepAlive(true, WAKE_KEEP_ALIVE_MS);
  }

  /** Ends the connection now, in any state; no connection ends in another way. */
  drop(reason: DropReason): void {
    if (this.#phase === "closed") return;
    const before = this.#phase;
    this.#setPhase("closed");
    clearTimeout(this.#timer);
    this.#opening.stop(reason.kind === "failed" ? reason.error : undefined);
    if (this.#traffic) this.#traffic.cut();
    else this.#closeUnopened(before, reason);
    this.#channel?.wipe();
    this.#owner.closed(this, reason);
  }

  /**
   * Closes a connection that has passed nothing on. Data that a client sent to us is still lost. A FIN after C4 would make
   * the far end show its backend a connection that ended well; a server's FIN after S5 would look like an answer without data.
   */
  #closeUnopened(before: Phase, reason: DropReason): void {
    if (this.#accepted.role === "stream") {
      this.#plain?.destroy();
      if (!this.#isRefused) this.#accepted.incoming.stream.reset();
      return;
    }
    const { wire } = this.#opening;
    if (wire && (this.#settings.role === "client" || before !== "handshaking")) resetSocket(wire);
    else wire?.destroy();
    const plain = this.#plain;
    if (reason.kind === "failed" && plain?.refusal?.take(reason.error, true) === true) return;
    if (plain?.source.readableLength) plain.reset();
    else plain?.destroy();
  }

  #report(error: TunnelError): void {
    this.#route?.stats.fail(error, this.#settings.clock.wallMs());
    this.#owner.failed(this, error);
  }

  #handshake(wire: net.Socket, routes: readonly Route[], begun?: Begun): void {
    this.#setPhase("handshaking");
    if (begun) wire.unshift(begun.heard);
    this.#opening.handshake(wire, routes, begun);
  }

  #onConnected(socket: net.Socket): void {
    const accepted = this.#accepted;
    if (accepted.role === "client") {
      this.#handshake(socket, [accepted.route]);
      return;
    }
    this.#usePlain(socketSide(socket));
    if (accepted.role === "server") this.#openUp(NO_BYTES);
    else this.#openStreamUp(accepted.incoming.stream, accepted.incoming.session, accepted.incoming.accept());
  }

  #onOpeningFailed(error: TunnelError): void {
    if (this.#accepted.role === "stream") {
      this.#isRefused = true;
      this.#report(error);
      this.#accepted.incoming.refuse(error, error.code === "LIMIT_REACHED" ? "" : this.#accepted.route.target.text);
      this.drop({ kind: "failed", error });
    } else if (this.#settings.role === "server" && this.#phase === "dialling") {
      this.#refuse(error);
    } else {
      this.#report(error);
      this.drop({ kind: "failed", error });
    }
  }

  /** Client role: a stream on a session that is there. The far end's answer on it will prove the key anew. */
  #openStream(session: NativeSession): void {
    const stream = session.openStream();
    stream.write(writeTarget(this.#route?.backend));
    this.#openStreamUp(stream, session, NO_BYTES);
  }

  /** The other end speaks the native wire: a session goes on with the wire of this connection. */
  #onNative(step: NativeDone, tookMs: number): void {
    const accepted = this.#accepted;
    const { route, index } = this.#routeOf(step.keyIndex);
    this.#countWire({ inBytes: -step.rest.length, outBytes: 0 }); // counted again by the session
    this.#handshakeEnded(route, tookMs, "native");
    const start = { wire: this.#opening.releaseWire(), native: step.native, rest: step.rest };
    if (accepted.role === "client") {
      const { target, bind, keys, keepsMs = 0, stats } = route;
      const far = { target, bind, keepsMs, key: keys[0] as SharedKey, settings: this.#settings };
      const session = (route.native as NativeWay).adopt(start, { far, stats });
      if (session.isUsable) this.#openStream(session);
      else this.#onOpeningFailed(session.error ?? new TunnelError("PEER_CLOSED", message("the far end ended the session as soon as it began")));
      return;
    }
    countWire(route.stats, this.#early.wireInBytes, this.#early.wireOutBytes);
    this.#phase = "closed";
    this.#route = route;
    this.#opening.stop(undefined);
    this.#owner.session(this, route, { ...start, key: route.keys[index] as SharedKey });
  }

  /** Server role, on a session: dials the backend, if there is room. */
  #serveStream(incoming: IncomingStream, route: Route): void {
    incoming.owner = { ...incoming.owner, onGone: () => this.drop({ kind: "closed" }) };
    if (!this.#owner.admit(this, route)) {
      this.#onOpeningFailed(limitReached(route));
      return;
    }
    void this.#opening.reach(route);
  }

  #routeOf(keyIndex: number): ReturnType<typeof routeOfKey> {
    const accepted = this.#accepted;
    return routeOfKey(accepted.role === "server" ? accepted.routes : [accepted.route], keyIndex);
  }

  /** A handshake of `route` has ended well. */
  #handshakeEnded(route: Route, tookMs: number, wire: Wire): void {
    record(route.stats.handshake, tookMs);
    route.stats.keyVerifiedAtMs = this.#settings.clock.wallMs();
    route.stats.wire = wire;
  }

  /** The other end holds a key of `route`: counted for each connection. */
  #keyProved(route: Route, index: number): void {
    const nowMs = this.#settings.clock.wallMs();
    route.stats.keyVerifiedAtMs = nowMs;
    const fingerprint = route.fingerprints?.[index];
    if (fingerprint !== undefined) route.stats.useKey(fingerprint, nowMs);
  }

  #onVerified(step: HandshakeDone, tookMs: number): void {
    const { wire } = this.#opening;
    this.#channel = step.channel;
    const accepted = this.#accepted;
    const { route, index } = this.#routeOf(step.keyIndex);
    if (accepted.role === "server") this.#useRoute(route);
    this.#countWire({ inBytes: -step.rest.length, outBytes: 0 }); // counted again when the pipe takes it
    this.#handshakeEnded(route, tookMs, "spiped");
    this.#keyProved(route, index);
    this.#owner.verified(this, "key");
    if (accepted.role === "client") {
      this.#openUp(step.rest);
      return;
    }
    if (step.rest.length > 0) wire?.unshift(step.rest);
    if (route.wire === "native") {
      this.#refuse(
        new TunnelError("WIRE_REFUSED", message('the client holds the key and speaks only spiped\'s wire, and "{0}" takes only the native one', route.name)),
      );
      return;
    }
    if (!this.#owner.admit(this, route)) {
      this.#refuse(limitReached(route));
      return;
    }
    this.#setPhase("dialling");
    void this.#opening.reach(route);
  }

  /**
   * Server role, after S5: the peer has proved its key, so we tell the peer that it is not served: with a reset when there
   * is no backend, with a FIN when the limit is reached. A peer that has sent data or ended its stream is reset in either
   * case: its data is lost, and a FIN would look like an answer without data. The peer must read S5 before the reset: data
   * or an end from the peer proves that it has; a silent peer gets a moment.
   */
  #refuse(error: TunnelError): void {
    const wire = this.#opening.wire as net.Socket;
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

  /** Both the far side and the plain side are connected: from now on data flows. `rest` came over the wire right after the handshake. */
  #openUp(rest: Uint8Array): void {
    const [wire, plain, channel, route] = [this.#opening.wire as net.Socket, this.#plain as PlainSide, this.#channel as Channel, this.#route as Route];
    this.#setPhase("open");
    this.#traffic = new Traffic({
      ...{ wire, plain, channel, route, settings: this.#settings },
      onBackendVerified: () => this.#owner.verified(this, "backend"),
      onReport: (error) => this.#report(error),
      onOver: (end) => this.drop(end),
    });
    this.#traffic.start(rest);
  }

  /** Both sides are there: a stream in place of a wire. `rest` came on the stream before. */
  #openStreamUp(stream: MuxStream, session: NativeSession, rest: Uint8Array): void {
    const [plain, route] = [this.#plain as PlainSide, this.#route as Route];
    this.#setPhase("open");
    this.#traffic = new StreamTraffic({
      ...{ stream, session, plain, route, settings: this.#settings },
      onAnswered: () => {
        this.#keyProved(route, 0);
        this.#owner.verified(this, "key");
      },
      onBackendVerified: () => this.#owner.verified(this, "backend"),
      onReport: (error) => this.#report(error),
      onOver: (end) => this.drop(end),
    });
    this.#traffic.start(rest);
  }

  readonly #onWireError = (cause: NodeJS.ErrnoException): void => {
    switch (this.#phase) {
      case "open":
        if (this.#traffic instanceof Traffic) this.#traffic.wireFailed(cause);
        return;
      case "dialling":
        this.drop({ kind: "closed" });
        return;
      case "handshaking": // the handshake listens too, and says what the error means
      case "refusing":
      case "closed":
        return;
    }
  };

  readonly #onPlainError = (cause: NodeJS.ErrnoException): void => {
    if (this.#traffic) this.#traffic.plainFailed(cause);
    else this.drop({ kind: "closed" });
  };

  #usePlain(plain: PlainSide): void {
    this.#plain = plain;
    plain.source.on("error", this.#onPlainError);
    if (plain.sink !== (plain.source as unknown)) plain.sink.on("error", this.#onPlainError);
  }

  #useRoute(route: Route): void {
    this.#route = route;
    route.stats.total += 1;
    countWire(route.stats, this.#early.wireInBytes, this.#early.wireOutBytes);
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
    countWire(this.#route?.stats ?? this.#early, inBytes, outBytes);
  }
}

function limitReached({ name, maxConnections }: Route): TunnelError {
  return new TunnelError("LIMIT_REACHED", message('"{0}" has its {1} connections: raise the limit or close some', name, maxConnections));
}
