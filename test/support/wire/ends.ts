/** Whole ends of tunnels in this process: a forwarder with its routes and events, and a hand-driven peer of either role. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import type { ForwardSecrecy } from "../../../daemon/protocol/handshake.ts";
import type { WireChoice } from "../../../daemon/protocol/negotiation.ts";
import type { Channel, Role } from "../../../daemon/protocol/wire.ts";
import type { LimitPolicy } from "../../../daemon/proxy/admission.ts";
import { nativeSettings } from "../../../daemon/proxy/connection-settings.ts";
import { Descriptors } from "../../../daemon/proxy/descriptors.ts";
import { Forwarder, type ForwarderEvent, type ForwarderOptions } from "../../../daemon/proxy/forwarder.ts";
import type { Generations } from "../../../daemon/proxy/generations.ts";
import { NativeWay } from "../../../daemon/proxy/native-way.ts";
import type { Route } from "../../../daemon/proxy/route.ts";
import { RouteStats } from "../../../daemon/proxy/stats.ts";
import { type Lookup, type ResolvedAddress, Target } from "../../../daemon/proxy/target.ts";
import { refuserOf } from "../../../daemon/services/refusal.ts";
import type { Address } from "../../../shared/address.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import { systemClock } from "../../../shared/time.ts";
import type { Stage } from "../stage.ts";
import { done, handshake, keyOf } from "./handshakes.ts";
import { connectTo, type Peer } from "./peer.ts";
import { SUITES } from "./suites.ts";

const [anySuite] = SUITES as readonly [CipherSuite];

export interface EndOptions {
  readonly role: Role;
  /** A port of 127.0.0.1, or an address. */
  readonly target: number | Address;
  /** The texts of the key files; a server accepts any of them. */
  readonly keys?: readonly string[];
  readonly forwardSecrecy?: ForwardSecrecy;
  readonly limitPolicy?: LimitPolicy;
  readonly maxConnections?: number;
  readonly timeoutMs?: number;
  readonly suite?: CipherSuite;
  /** Default: spiped's. */
  readonly wire?: WireChoice;
  /** Default: a session ends with its connection. */
  readonly keepsMs?: number;
  readonly lookup?: Lookup;
  /** Default: its own, which never run out. */
  readonly descriptors?: Descriptors;
  /** Client: what its programs speak, so that they are told what is wrong. Default: tcp, which is closed. */
  readonly service?: "redis" | "mysql";
  /** Default: none before, none after. */
  readonly generations?: Generations;
}

export const local = (port: number): Address => ({ kind: "tcp", host: "127.0.0.1", port });

/** A forwarder on a free port, and its events. */
export class End {
  readonly forwarder: Forwarder;
  readonly #options: ForwarderOptions;
  readonly routes: readonly Route[];
  readonly events: ForwarderEvent[] = [];
  #waiting: (() => void)[] = [];

  constructor(options: EndOptions, routes: readonly Route[]) {
    const { role, suite = anySuite, forwardSecrecy = "prefer", timeoutMs = 60_000, limitPolicy = "refuse" } = options;
    this.routes = routes;
    this.#options = {
      settings: {
        role,
        suite,
        random: systemRandom,
        clock: systemClock,
        forwardSecrecy,
        connectTimeoutMs: timeoutMs,
        handshakeTimeoutMs: timeoutMs,
        keepAlive: true,
        native: nativeSettings(suite, systemRandom, options.generations),
      },
      routes,
      limitPolicy,
      descriptors: options.descriptors ?? new Descriptors(() => true),
      onEvent: (event) => {
        this.events.push(event);
        for (const check of this.#waiting.splice(0)) check();
      },
    };
    this.forwarder = new Forwarder(this.#options);
  }

  /** Newcomers take these routes from now on. */
  reroute(routes: readonly Route[]): void {
    this.forwarder.reconfigure({ ...this.#options, routes });
  }

  get port(): number {
    const { address } = this.forwarder;
    assert.ok(address?.kind === "tcp");
    return address.port;
  }

  /** Counters of the first route. */
  get stats(): RouteStats {
    return (this.routes[0] as Route).stats;
  }

  /** Codes of all failures so far, in order. */
  get failures(): readonly ErrorCode[] {
    return this.events.flatMap((event) => (event.type === "failure" ? [event.error.code] : []));
  }

  get closed(): number {
    return this.events.filter((event) => event.type === "closed").length;
  }

  /** Resolves once the condition holds; it is checked after each event. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** What happened to sessions, in order. */
  get sessionNews(): readonly string[] {
    return this.events.flatMap((event) => (event.type === "session" ? [event.news.what] : []));
  }

  /** Waits for the failure with this number (from 1); resolves to its code. */
  async failure(count = 1): Promise<ErrorCode> {
    await this.until(() => this.failures.length >= count);
    return this.failures[count - 1] as ErrorCode;
  }

  async allClosed(count: number): Promise<void> {
    await this.until(() => this.closed >= count);
  }
}

export function makeRoute(scope: Stage, options: EndOptions, name = "test"): Route {
  const { target, keys = ["one"], maxConnections = 100, lookup } = options;
  const address = typeof target === "number" ? local(target) : target;
  return {
    name,
    keys: keys.map(keyOf),
    target: scope.own(new Target({ address, refreshMs: undefined, ...(lookup && { lookup }) }), (open) => open.dispose()),
    maxConnections,
    stats: new RouteStats(),
    wire: options.wire,
    keepsMs: options.keepsMs,
    ...(options.service && { refuser: () => refuserOf(options.service as "redis" | "mysql", false) }),
    native: options.role === "client" && (options.wire ?? "spiped") !== "spiped" ? scope.own(new NativeWay(), (way) => way.close()) : undefined,
  };
}

export async function startEnd(
  scope: Stage,
  options: EndOptions,
  routes: readonly Route[] = [makeRoute(scope, options)],
  address: ResolvedAddress = { kind: "tcp", host: "127.0.0.1", port: 0 },
): Promise<End> {
  const end = new End(options, routes);
  scope.own(end.forwarder, (forwarder) => forwarder.close());
  await end.forwarder.listen({ address });
  return end;
}

/** A client and a server of ours in front of `backendPort`. */
export async function startPair(scope: Stage, backendPort: number, options: Partial<EndOptions> = {}): Promise<{ readonly client: End; readonly server: End }> {
  const server = await startEnd(scope, { ...options, role: "server", target: backendPort });
  const client = await startEnd(scope, { ...options, role: "client", target: server.port });
  return { client, server };
}

/** An encrypted connection driven by hand, after its handshake. */
export class SpipedPeer {
  readonly peer: Peer;
  readonly channel: Channel;

  constructor(peer: Peer, channel: Channel) {
    this.peer = peer;
    this.channel = channel;
  }

  send(plain: Uint8Array): void {
    this.peer.write(this.channel.seal(plain));
  }

  /** The plain text of the next packet. */
  async receive(): Promise<Uint8Array> {
    return this.channel.open(await this.peer.read(1060));
  }
}

/** Does a client's whole handshake over `peer`; resolves when S5 has arrived. */
export async function shakeAsClient(peer: Peer, key = "one"): Promise<SpipedPeer> {
  const client = handshake("client", { keys: [keyOf(key)], forwardSecrecy: "off" });
  peer.write(client.start());
  peer.write(client.receive(await peer.read(32)).send ?? assert.fail("no C4"));
  return new SpipedPeer(peer, done(client.receive(await peer.read(288))).channel);
}

/** Does a server's whole handshake over `peer`. */
export async function shakeAsServer(peer: Peer, key = "one"): Promise<SpipedPeer> {
  const server = handshake("server", { keys: [keyOf(key)], forwardSecrecy: "off" });
  peer.write(server.start());
  server.receive(await peer.read(32));
  const step = done(server.receive(await peer.read(288)));
  peer.write(step.send ?? assert.fail("no S5"));
  return new SpipedPeer(peer, step.channel);
}

/** Connects to a server end and shakes hands. */
export async function enter(scope: Stage, end: End, key = "one"): Promise<SpipedPeer> {
  return shakeAsClient(await connectTo(scope, end), key);
}
