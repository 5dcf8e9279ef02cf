/**
 * One listener and all its connections: accepts, admits, and ends them; drains
 * or closes as a whole. An operator calls this "a spiped". `admission.ts` decides
 * which connections are let in; `connection.ts` runs each of them.
 *
 *     listening ──► draining ──► closed
 *          └──────────────────────►
 */
import * as net from "node:net";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { Backoff } from "../../shared/time.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { ClientQuestion, ServerAnswer } from "../protocol/negotiation.ts";
import type { Begun } from "../protocol/wire.ts";
import { handshakeBudget, hasRoom, isWithinLimit, type LimitPolicy, limitOf, MAX_WAITING, WaitingRoom } from "./admission.ts";
import { type BindOptions, bind } from "./bind.ts";
import { Connection, type DropReason, type SessionStart } from "./connection.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { type Descriptors, ownDescriptors, type Yielding } from "./descriptors.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { Handshakes, sourcePrefix } from "./handshakes.ts";
import { leadsTo } from "./loop.ts";
import type { SessionNews } from "./native-way.ts";
import { Refusals } from "./plain-refusal.ts";
import { type PlainSide, resetSocket, socketSide } from "./plain-side.ts";
import { rewrittenSide } from "./rewritten-side.ts";
import type { Route } from "./route.ts";
import { ServerSessions } from "./server-sessions.ts";
import { closeListener } from "./socket-file.ts";
import type { ResolvedAddress } from "./target.ts";

/** How a forwarder works. May be replaced while it runs: connections that exist keep what they began with. */
export interface ForwarderOptions {
  readonly settings: ConnectionSettings;
  /** A client role has exactly one. */
  readonly routes: readonly Route[];
  readonly limitPolicy: LimitPolicy;
  /** A reason to turn every newcomer away for now. */
  readonly holdOff?: () => TunnelError | undefined;
  /** Where newcomers take descriptors from; left out: this process's. Can't be replaced. */
  readonly descriptors?: Descriptors;
  /** Called for everything worth a log line; must not throw. */
  readonly onEvent?: (event: ForwarderEvent) => void;
}

/** What a forwarder reports. */
export type ForwarderEvent =
  | {
      readonly type: "failure";
      readonly error: TunnelError;
      /** Where the connection came from; {@link NO_PEER}: no connection caused it. */
      readonly peer: string;
      readonly route: Route | undefined;
      /** Set for a stranger at a port that entries share. */
      readonly port?: PortLabel;
    }
  | { readonly type: "verified"; readonly what: "key" | "backend"; readonly connection: Connection }
  | { readonly type: "closed"; readonly connection: Connection; readonly reason: DropReason }
  /** Server role: a session of the native wire has lost its connection, or has one again. */
  | { readonly type: "session"; readonly news: SessionNews; readonly route: Route | undefined; readonly peer: string }
  /** Sent once each time the limit is reached. */
  | { readonly type: "limit-reached"; readonly limit: number }
  /** accept(2) failed, usually because no descriptors are left; the listener goes on. */
  | { readonly type: "accept-failed"; readonly error: Error };

/** `peer` of a failure that no connection caused. */
export const NO_PEER = "";

/** A port that several entries share, for people: a failure before a key is proved belongs to none of them in particular. */
export interface PortLabel {
  readonly listen: string;
  readonly entries: readonly string[];
}

/** What a tunnel needs of the port it listens at; the port is its own or shared. */
export interface PortUser {
  /** Where it listens, with the real port; undefined before it does. */
  readonly address: ResolvedAddress | undefined;
  /** Connections of every phase whose route is known. */
  readonly connections: ReadonlySet<Connection>;
  /** Failures by code before a route was known, at the whole port. */
  readonly strangers: ReadonlyMap<ErrorCode, number>;
  /** Whether others share the port: then its strangers belong to none of them in particular. */
  readonly isShared: boolean;
  /** The listener itself, to be handed to another process; undefined before there is one. */
  readonly server: net.Server | undefined;
  /** @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID */
  listen(options: BindOptions): Promise<ResolvedAddress>;
  adopt(listen: (server: net.Server) => Promise<void>, address: ResolvedAddress): Promise<void>;
  reconfigure(options: ForwarderOptions): void;
  /** Server role: goes on with a connection that a successor at this port has accepted; see generations.ts. Also while it drains. */
  takeBack(wire: net.Socket, begun: Begun): void;
  drain(): Promise<void>;
  close(): void;
}

/** Our choice: how long newcomers wait after a failed accept; doubled each time, up to `most`. */
const ACCEPT_BACKOFF_MS = { first: 100, most: 5_000 };

/** A listener with its connections. Owns both: `close` it. */
export class Forwarder implements PortUser, Yielding {
  #options: ForwarderOptions;
  readonly #server: net.Server;
  readonly #descriptors: Descriptors;
  readonly #connections = new Set<Connection>();
  /** Server role: connections whose peer has proved no key yet, and those being refused, which read until their peer closes. */
  readonly #handshakes: Handshakes<Connection>;
  readonly #refusing = new Set<Connection>();
  /** Server role: other ends that speak the native wire; their streams are connections. */
  readonly #sessions = new ServerSessions({
    routes: () => this.#options.routes,
    serve: (incoming, { route, peer, settings }) => {
      const connection = new Connection({ role: "stream", incoming, route }, { peer, settings, owner: this.#owner });
      this.#connections.add(connection);
      connection.start();
    },
    failed: (error, { route, peer }) => {
      route.stats.fail(error, this.#options.settings.clock.wallMs());
      this.#report(error, { route, peer });
    },
    news: (news, { route, peer }) => this.#options.onEvent?.({ type: "session", news, route, peer }),
  });
  readonly #waiting = new WaitingRoom<net.Socket>();
  /** Client role: clients that are told why they are not served. */
  readonly #refusals = new Refusals();
  /** Failures by code before a route was known: strangers at a server role's port. */
  readonly strangers = new Map<ErrorCode, number>();
  readonly isShared = false;
  #state: "idle" | "listening" | "draining" | "closed" = "idle";
  #address: ResolvedAddress | undefined;
  #limitAnnounced = false;
  readonly #backoff = new Backoff(ACCEPT_BACKOFF_MS);
  #backoffTimer: NodeJS.Timeout | undefined;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: ForwarderOptions) {
    this.#options = checked(options);
    this.#descriptors = options.descriptors ?? ownDescriptors;
    this.#handshakes = new Handshakes(options.settings.random);
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: WRITE_QUEUE_BYTES });
    this.#server.on("connection", (socket) => this.#onAccept(socket));
  }

  /** Where it listens, with the real port; undefined before `listen`. */
  get address(): ResolvedAddress | undefined {
    return this.#address;
  }

  /** Connections of every phase, for a list; newcomers that wait are not among them. */
  get connections(): ReadonlySet<Connection> {
    return this.#connections;
  }

  /** Connections that wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Starts to listen.
   * @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID
   */
  async listen(options: BindOptions): Promise<ResolvedAddress> {
    this.#address = await bind(this.#server, options);
    this.#descriptors.join(this);
    this.#server.on("error", (error) => this.#onAcceptError(error));
    this.#state = "listening";
    return this.#address;
  }

  /** From now on newcomers get these settings and routes; the listener stays. The role can't change. */
  reconfigure(options: ForwarderOptions): void {
    if (options.settings.role !== this.#options.settings.role) throw new RangeError("the role of a listener can't change");
    this.#options = checked(options);
    this.#sessions.refresh();
    this.#serveWaiting();
  }

  /** The listener itself, to be handed to another process; its handle stays open here until `close` or `drain`. */
  get server(): net.Server {
    return this.#server;
  }

  /** Goes on with a listener that another process opened; `listen` makes its server argument accept on that listener. */
  async adopt(listen: (server: net.Server) => Promise<void>, address: ResolvedAddress): Promise<void> {
    this.#address = address;
    this.#state = "listening";
    this.#descriptors.join(this);
    await listen(this.#server);
    this.#server.on("error", (error) => this.#onAcceptError(error));
  }

  /**
   * Gives the port up and resolves when the last connection has ended. Newcomers that wait for a slot are reset at once:
   * they would wait in vain, and a successor at the same port may serve them.
   */
  async drain(): Promise<void> {
    if (this.#state === "listening") {
      this.#state = "draining";
      this.#closeListener();
      this.#resetWaiting();
      this.#sessions.goAway(this.#options.settings);
    }
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    this.close();
  }

  takeBack(wire: net.Socket, begun: Begun): void {
    if (this.#state === "closed") wire.destroy();
    else this.#serve(wire, begun);
  }

  /** Ends everything now. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#descriptors.leave(this);
    clearTimeout(this.#backoffTimer);
    this.#closeListener();
    for (const connection of this.#connections) connection.drop({ kind: "cancelled" });
    this.#sessions.close();
    this.#refusals.close();
    this.#resetWaiting();
  }

  #resetWaiting(): void {
    for (let socket = this.#waiting.take(); socket; socket = this.#waiting.take()) resetSocket(socket);
  }

  #closeListener(): void {
    closeListener(this.#server);
  }

  #onAccept(socket: net.Socket): void {
    // The peer may be gone before anyone listens for it.
    socket.on("error", () => {});
    const shortage = this.#shortage();
    const held = this.#options.holdOff?.();
    if (this.#state === "closed" || this.#state === "draining") {
      // The system accepted this connection before the port was closed.
      resetSocket(socket);
    } else if (shortage) {
      // Whoever is told why keeps its descriptor for a while.
      this.#failed(socket, shortage);
      socket.destroy();
    } else if (held) {
      this.#turnAway(socket, held);
    } else if (this.#backoffTimer || !this.#hasRoom()) {
      this.#turnAwayOrWait(socket);
    } else {
      this.#serve(socket);
    }
  }

  #shortage(): TunnelError | undefined {
    if (this.#descriptors.makeRoom()) return undefined;
    return new TunnelError(
      "LIMIT_REACHED",
      message("turned away, as this process has no file descriptors left: raise its limit (ulimit -n) or close some connections"),
    );
  }

  /** Whether a newcomer can be served now. */
  #hasRoom(): boolean {
    const { settings, limitPolicy } = this.#options;
    return hasRoom({ role: settings.role, policy: limitPolicy, open: this.#connections.size, limit: this.#limit() });
  }

  #limit(): number {
    return limitOf(this.#options.routes);
  }

  #turnAwayOrWait(socket: net.Socket): void {
    const atLimit = !this.#hasRoom();
    if (atLimit && !this.#limitAnnounced) {
      this.#limitAnnounced = true;
      this.#options.onEvent?.({ type: "limit-reached", limit: this.#limit() });
    }
    const refuse = this.#options.limitPolicy === "refuse" && atLimit;
    if (!refuse && this.#wait(socket)) return;
    const why = refuse
      ? message("all {0} connections are in use: raise the limit or close some", this.#limit())
      : message("{0} connections are waiting already: raise the limit or close some", MAX_WAITING);
    this.#turnAway(socket, new TunnelError("LIMIT_REACHED", why));
  }

  /** Closes a newcomer, or tells it why it is not served. */
  #turnAway(socket: net.Socket, error: TunnelError): void {
    const [route] = this.#options.routes;
    this.#failed(socket, error);
    if (this.#options.settings.role === "client" && route && this.#plainSide(socket, route).refusal?.take(error, true) === true) return;
    socket.destroy();
  }

  #plainSide(socket: net.Socket, { name, refuser: makeRefuser, tells, nodePorts: ports }: Route): PlainSide {
    const refuser = makeRefuser?.();
    const side = ports ? rewrittenSide(socket, { name, ports }) : socketSide(socket);
    return refuser ? { ...side, refusal: this.#refusals.for(socket, { name, refuser, tells }) } : side;
  }

  /** Lets a newcomer wait; without room, in place of a waiting one that has already ended its stream. False: there is no such place. */
  #wait(socket: net.Socket): boolean {
    const evicted = this.#waiting.isFull ? this.#waiting.take(({ readableEnded }) => readableEnded) : undefined;
    evicted?.destroy();
    if (!this.#waiting.enter(socket)) return false;
    socket.once("close", () => this.#waiting.leave(socket));
    // A socket that is not read does not tell that its peer is gone. Data that comes is kept, up to a socket's buffer.
    socket.read(0);
    return true;
  }

  #failed(socket: net.Socket, error: TunnelError): void {
    const route = this.#options.settings.role === "client" ? this.#options.routes[0] : undefined;
    route?.stats.fail(error, this.#options.settings.clock.wallMs());
    this.#report(error, { peer: peerOf(socket), route });
  }

  #report(error: TunnelError, from: { readonly peer: string; readonly route: Route | undefined }): void {
    if (!from.route) this.strangers.set(error.code, (this.strangers.get(error.code) ?? 0) + 1);
    this.#options.onEvent?.({ type: "failure", error, peer: from.peer, route: from.route });
  }

  #serve(socket: net.Socket, begun?: Begun): void {
    const { settings, routes, limitPolicy } = this.#options;
    const [only] = routes;
    if (!only) throw new RangeError("a forwarder needs a route");
    if (limitPolicy === "refuse" && this.yieldable >= handshakeBudget(this.#limit())) this.yieldOne(message("too many handshakes are under way"));
    const accepted =
      settings.role === "client"
        ? ({ role: "client", plain: this.#plainSide(socket, only), route: only } as const)
        : ({ role: "server", wire: socket, routes, begun } as const);
    const connection = new Connection(accepted, { peer: peerOf(socket), settings, owner: this.#owner });
    this.#connections.add(connection);
    if (settings.role === "server") this.#handshakes.add(connection, sourcePrefix(socket.remoteAddress));
    this.#backoff.reset();
    connection.start();
  }

  /** Always 0 in a client role, whose newcomers are local programs. */
  get yieldable(): number {
    return this.#handshakes.size + this.#refusing.size;
  }

  /** Ends a handshake picked by chance, or, if more refusals than handshakes are under way, the refusal that has lasted longest. */
  yieldOne(why: Message): void {
    const [refused] = this.#refusing;
    const connection = this.#refusing.size > this.#handshakes.size ? refused : this.#handshakes.draw();
    if (!connection) return;
    const error = new TunnelError("LIMIT_REACHED", message("{0}: one handshake gave way to a newcomer", why));
    this.#report(error, connection);
    connection.drop({ kind: "failed", error });
  }

  readonly #owner = {
    leadsBack: (address: ResolvedAddress): boolean => leadsTo(address, this.#address),
    admit: (connection: Connection, route: Route): boolean =>
      this.#options.limitPolicy === "wait" || isWithinLimit(connection, { route, connections: this.#connections }) || this.#sessions.giveWay(route),
    asked: (question: ClientQuestion, of: { readonly route: Route; readonly key: SharedKey }): ServerAnswer | "elsewhere" =>
      this.#sessions.answer(question, { ...of, settings: this.#options.settings }),
    elsewhere: (connection: Connection, wire: net.Socket, begun: Begun): void => {
      this.#forget(connection);
      const { native } = this.#options.settings;
      if (this.#address && native?.generations) native.generations.passBack(wire, { port: this.#address, begun });
      else wire.destroy();
    },
    verified: (connection: Connection, what: "key" | "backend"): void => {
      this.#handshakes.delete(connection);
      this.#options.onEvent?.({ type: "verified", what, connection });
    },
    session: (connection: Connection, route: Route, start: SessionStart): void => {
      this.#forget(connection);
      this.#options.onEvent?.({ type: "verified", what: "key", connection });
      this.#sessions.add(start, { route, peer: connection.peer, settings: this.#options.settings });
      if (this.#state !== "listening") this.#sessions.goAway(this.#options.settings);
    },
    failed: (connection: Connection, error: TunnelError): void => {
      if (connection.phase === "refusing") this.#refusing.add(connection);
      this.#report(error, connection);
    },
    closed: (connection: Connection, reason: DropReason): void => {
      this.#forget(connection);
      this.#refusing.delete(connection);
      this.#options.onEvent?.({ type: "closed", connection, reason });
      this.#serveWaiting();
      if (this.#connections.size === 0) {
        for (const resolve of this.#whenEmpty.splice(0)) resolve();
      }
    },
  };

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#handshakes.delete(connection);
  }

  #serveWaiting(): void {
    if (this.#hasRoom()) this.#limitAnnounced = false;
    while (this.#state === "listening" && !this.#backoffTimer && this.#hasRoom()) {
      const socket = this.#waiting.take();
      if (!socket) return;
      if (!socket.destroyed) this.#serve(socket);
    }
  }

  /** Usually out of descriptors: keeps the port, and gives connections time to end (spiped exits here). */
  #onAcceptError(error: Error): void {
    if (this.#state === "closed") return;
    this.#options.onEvent?.({ type: "accept-failed", error });
    if (this.#backoffTimer) return;
    this.#backoffTimer = setTimeout(() => {
      this.#backoffTimer = undefined;
      this.#serveWaiting();
    }, this.#backoff.next());
  }
}

function checked(options: ForwarderOptions): ForwarderOptions {
  if (options.settings.role === "client" && options.routes.length !== 1) throw new RangeError("a client role has one route");
  return options;
}

/** Where a connection came from, for people. */
function peerOf(socket: net.Socket): string {
  return socket.remoteAddress === undefined ? "a unix socket" : `${socket.remoteAddress}:${socket.remotePort}`;
}
