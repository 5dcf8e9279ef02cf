/**
 * One listener and all its connections: accepts, admits, and ends them; drains
 * or closes as a whole. What an operator calls "a spiped". Which connections are
 * let in is `admission.ts`; what happens on one is `connection.ts`.
 *
 *     listening ──► draining ──► closed
 *          └──────────────────────►
 */
import * as net from "node:net";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { handshakeBudget, type LimitPolicy, MAX_WAITING, WaitingRoom } from "./admission.ts";
import { type BindOptions, bind } from "./bind.ts";
import { Connection, type ConnectionSettings, type DropReason } from "./connection.ts";
import { type DescriptorCheck, hasDescriptors } from "./descriptors.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { socketEndpoint } from "./endpoint.ts";
import { leadsTo } from "./loop.ts";
import type { Route } from "./route.ts";
import type { ResolvedAddress } from "./target.ts";

/** How a forwarder works. May be replaced while it runs: connections that exist keep what they began with. */
export interface ForwarderOptions {
  readonly settings: ConnectionSettings;
  /** A client role has exactly one. */
  readonly routes: readonly Route[];
  readonly limitPolicy: LimitPolicy;
  /** A reason to turn every newcomer away for now. */
  readonly holdOff?: () => TunnelError | undefined;
  /** Whether a newcomer may have descriptors; left out: whether the system has any to give. */
  readonly hasDescriptors?: DescriptorCheck;
  /** Told of everything worth a log line; must not throw. */
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
      /** Of a stranger at a port that entries share. */
      readonly port?: PortLabel;
    }
  | { readonly type: "verified"; readonly what: "key" | "backend"; readonly connection: Connection }
  | { readonly type: "closed"; readonly connection: Connection; readonly reason: DropReason }
  /** The limit is reached; once each time it is. */
  | { readonly type: "limit-reached"; readonly limit: number }
  /** accept(2) failed, for want of descriptors as a rule; the listener goes on. */
  | { readonly type: "accept-failed"; readonly error: Error };

/** `peer` of a failure that no connection caused. */
export const NO_PEER = "";

/** A port that several entries share, for people: a failure before a key is proved is none of theirs in particular. */
export interface PortLabel {
  readonly listen: string;
  readonly entries: readonly string[];
}

/** What a tunnel needs of the port it listens at: its own, or a share of one. */
export interface PortUser {
  /** Where it listens, with the real port; undefined before it does. */
  readonly address: ResolvedAddress | undefined;
  /** Connections of every phase whose route is known. */
  readonly connections: ReadonlySet<Connection>;
  /** Failures by code before a route was known, at the whole port. */
  readonly strangers: ReadonlyMap<ErrorCode, number>;
  /** Whether others have a share of the port: then its strangers are nobody's in particular. */
  readonly isShared: boolean;
  /** The listener itself, to be handed to another process; undefined before there is one. */
  readonly server: net.Server | undefined;
  /** @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID */
  listen(options: BindOptions): Promise<ResolvedAddress>;
  adopt(listen: (server: net.Server) => Promise<void>, address: ResolvedAddress): Promise<void>;
  reconfigure(options: ForwarderOptions): void;
  drain(options: { readonly keepListening: boolean }): Promise<void>;
  close(): void;
}

/** Our choice: how long newcomers wait after a failed accept; doubled each time up to the second figure. */
const ACCEPT_BACKOFF_MS = { first: 100, most: 5_000 };

/** A listener with its connections. Owns both: `close` it. */
export class Forwarder implements PortUser {
  #options: ForwarderOptions;
  readonly #server: net.Server;
  readonly #connections = new Set<Connection>();
  readonly #waiting = new WaitingRoom<net.Socket>();
  /** Failures by code before a route was known: strangers at a server role's port. */
  readonly strangers = new Map<ErrorCode, number>();
  readonly isShared = false;
  #state: "idle" | "listening" | "draining" | "closed" = "idle";
  #address: ResolvedAddress | undefined;
  #limitAnnounced = false;
  #backoffMs = 0;
  #backoffTimer: NodeJS.Timeout | undefined;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(options: ForwarderOptions) {
    this.#options = checked(options);
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
    this.#server.on("error", (error) => this.#onAcceptError(error));
    this.#state = "listening";
    return this.#address;
  }

  /** From now on newcomers get these settings and routes; the listener stays. The role can't change. */
  reconfigure(options: ForwarderOptions): void {
    if (options.settings.role !== this.#options.settings.role) throw new RangeError("the role of a listener can't change");
    this.#options = checked(options);
    this.#serveWaiting();
  }

  /** The listener itself, to be handed to another process; its handle stays open here until `close` or `drain`. */
  get server(): net.Server {
    return this.#server;
  }

  /** Goes on with a listener that another process opened; `listen` makes the server it is given accept on it. */
  async adopt(listen: (server: net.Server) => Promise<void>, address: ResolvedAddress): Promise<void> {
    this.#address = address;
    this.#state = "listening";
    await listen(this.#server);
    this.#server.on("error", (error) => this.#onAcceptError(error));
  }

  /**
   * Serves no newcomer any more and resolves when the last connection has ended. With `keepListening`
   * the port stays open meanwhile, as spiped's does: newcomers connect, and wait in vain.
   */
  async drain(options: { readonly keepListening: boolean }): Promise<void> {
    if (this.#state === "listening") {
      this.#state = "draining";
      if (!options.keepListening) this.#closeListener();
    }
    if (this.#connections.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    this.close();
  }

  /** Ends everything now. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#backoffTimer);
    this.#closeListener();
    for (const connection of this.#connections) connection.drop({ kind: "cancelled" });
    for (let socket = this.#waiting.take(); socket; socket = this.#waiting.take()) socket.destroy();
  }

  #closeListener(): void {
    if (this.#server.listening) this.#server.close();
  }

  #onAccept(socket: net.Socket): void {
    // The peer may be gone before anyone listens for it.
    socket.on("error", () => {});
    const held = this.#options.holdOff?.() ?? this.#shortage();
    if (this.#state === "closed") {
      socket.destroy();
    } else if (held) {
      this.#failed(socket, held);
      socket.destroy();
    } else if (this.#state === "draining" || this.#backoffTimer || !this.#hasRoom()) {
      this.#turnAwayOrWait(socket);
    } else {
      this.#serve(socket);
    }
  }

  #shortage(): TunnelError | undefined {
    if ((this.#options.hasDescriptors ?? hasDescriptors)()) return undefined;
    return new TunnelError("LIMIT_REACHED", "turned away, as this process has no file descriptors left: raise its limit (ulimit -n) or close some connections");
  }

  /** Whether a newcomer can be served now. */
  #hasRoom(): boolean {
    const { settings, limitPolicy } = this.#options;
    if (limitPolicy === "refuse" && settings.role === "server") return true;
    return this.#connections.size < this.#limit();
  }

  #limit(): number {
    return this.#options.routes.reduce((sum, route) => sum + route.maxConnections, 0);
  }

  #turnAwayOrWait(socket: net.Socket): void {
    const atLimit = !this.#hasRoom();
    if (atLimit && !this.#limitAnnounced) {
      this.#limitAnnounced = true;
      this.#options.onEvent?.({ type: "limit-reached", limit: this.#limit() });
    }
    const refuse = this.#options.limitPolicy === "refuse" && atLimit;
    if (!refuse && this.#wait(socket)) return;
    const why = refuse ? `all ${this.#limit()} connections are in use` : `${MAX_WAITING} connections are waiting already`;
    this.#failed(socket, new TunnelError("LIMIT_REACHED", `${why}: raise the limit or close some`));
    socket.destroy();
  }

  /** Lets a newcomer wait; when there is no room, in the place of one that has ended without a word. False: there is none. */
  #wait(socket: net.Socket): boolean {
    const evicted = this.#waiting.isFull ? this.#waiting.take(({ readableEnded }) => readableEnded) : undefined;
    evicted?.destroy();
    if (!this.#waiting.enter(socket)) return false;
    socket.once("close", () => this.#waiting.leave(socket));
    // Unread, a socket does not tell that its peer is gone. What comes is kept, a socket's buffer of it.
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

  #serve(socket: net.Socket): void {
    const { settings, routes, limitPolicy } = this.#options;
    const [only] = routes;
    if (!only) throw new RangeError("a forwarder needs a route");
    if (settings.role === "server" && limitPolicy === "refuse") this.#makeRoomForHandshake();
    const accepted =
      settings.role === "client"
        ? ({ role: "client", plain: socketEndpoint(socket), route: only } as const)
        : ({ role: "server", wire: socket, routes } as const);
    const connection = new Connection(accepted, { peer: peerOf(socket), settings, owner: this.#owner });
    this.#connections.add(connection);
    this.#backoffMs = 0;
    connection.start();
  }

  /** The oldest handshake gives way when their budget is used up. */
  #makeRoomForHandshake(): void {
    let handshakes = 0;
    let oldest: Connection | undefined;
    for (const connection of this.#connections) {
      // One that is being refused reads what its peer sends until that closes: it counts as well.
      if (connection.phase !== "handshaking" && connection.phase !== "refusing") continue;
      handshakes += 1;
      oldest ??= connection;
    }
    if (oldest && handshakes >= handshakeBudget(this.#limit())) {
      const error = new TunnelError("LIMIT_REACHED", "too many handshakes are under way: the oldest one gave way");
      this.#report(error, oldest);
      oldest.drop({ kind: "failed", error });
    }
  }

  readonly #owner = {
    leadsBack: (address: ResolvedAddress): boolean => leadsTo(address, this.#address),
    admit: (connection: Connection, route: Route): boolean => {
      if (this.#options.limitPolicy === "wait" || route.maxConnections === Number.POSITIVE_INFINITY) return true;
      let authenticated = 0;
      for (const other of this.#connections) {
        if (other !== connection && other.route && entryOf(other.route) === entryOf(route) && other.phase !== "refusing") authenticated += 1;
      }
      return authenticated < route.maxConnections;
    },
    verified: (connection: Connection, what: "key" | "backend"): void => {
      this.#options.onEvent?.({ type: "verified", what, connection });
    },
    failed: (connection: Connection, error: TunnelError): void => {
      this.#report(error, connection);
    },
    closed: (connection: Connection, reason: DropReason): void => {
      this.#connections.delete(connection);
      this.#options.onEvent?.({ type: "closed", connection, reason });
      this.#serveWaiting();
      if (this.#connections.size === 0) {
        for (const resolve of this.#whenEmpty.splice(0)) resolve();
      }
    },
  };

  #serveWaiting(): void {
    if (this.#hasRoom()) this.#limitAnnounced = false;
    while (this.#state === "listening" && !this.#backoffTimer && this.#hasRoom()) {
      const socket = this.#waiting.take();
      if (!socket) return;
      if (!socket.destroyed) this.#serve(socket);
    }
  }

  /** Out of descriptors, as a rule: keep the port, give connections time to end (spiped exits here). */
  #onAcceptError(error: Error): void {
    if (this.#state === "closed") return;
    this.#options.onEvent?.({ type: "accept-failed", error });
    if (this.#backoffTimer) return;
    this.#backoffMs = Math.min(ACCEPT_BACKOFF_MS.most, this.#backoffMs === 0 ? ACCEPT_BACKOFF_MS.first : this.#backoffMs * 2);
    this.#backoffTimer = setTimeout(() => {
      this.#backoffTimer = undefined;
      this.#serveWaiting();
    }, this.#backoffMs);
  }
}

function checked(options: ForwarderOptions): ForwarderOptions {
  if (options.settings.role === "client" && options.routes.length !== 1) throw new RangeError("a client role has one route");
  return options;
}

function entryOf({ entry, stats }: Route): object {
  return entry ?? stats;
}

/** Where a connection came from, for people. */
function peerOf(socket: net.Socket): string {
  return socket.remoteAddress === undefined ? "a unix socket" : `${socket.remoteAddress}:${socket.remotePort}`;
}
