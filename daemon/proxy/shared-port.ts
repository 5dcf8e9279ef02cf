/**
 * One listener of a server role for several routes that come and go separately.
 * The key that the other end proves (S4) tells which route a connection is for.
 * spiped needs a process for each backend instead.
 *
 * Each member behaves like a forwarder of its own: it sees only its own
 * connections and events, and drains alone. The port closes with the last member.
 */
import type * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { Begun } from "../protocol/wire.ts";
import type { BindOptions } from "./bind.ts";
import type { Connection } from "./connection.ts";
import { Forwarder, type ForwarderEvent, type ForwarderOptions, NO_PEER, type PortLabel, type PortUser } from "./forwarder.ts";
import type { Route } from "./route.ts";
import type { ResolvedAddress } from "./target.ts";

/** The design's bound on the work a stranger can cause: every key is tried at each handshake. */
const MAX_KEYS_ON_A_PORT = 64;

/** The server-role ports of one process, by address. */
export class SharedPorts {
  readonly #ports = new Map<string, SharedPort>();
  /** Ports that are being bound: members that come meanwhile wait, then join. */
  readonly #opening = new Map<string, Promise<unknown>>();

  /** A new member; it joins a port when it listens. */
  member(options: ForwarderOptions): PortUser {
    return new Member(this, options);
  }

  /** The port at `address`, if any member listens there. */
  find(address: ResolvedAddress): SharedPort | undefined {
    return this.#ports.get(formatAddress(address));
  }

  /** Calls `open`, unless somebody is opening that address already: then waits for them. True: `open` was called. */
  async openOnce(address: ResolvedAddress, open: () => Promise<void>): Promise<boolean> {
    const key = formatAddress(address);
    const underWay = this.#opening.get(key);
    if (underWay !== undefined) {
      await underWay.catch(() => {});
      return false;
    }
    const opening = open();
    this.#opening.set(key, opening);
    try {
      await opening;
      return true;
    } finally {
      this.#opening.delete(key);
    }
  }

  add(port: SharedPort): void {
    this.#ports.set(formatAddress(port.address), port);
  }

  remove(port: SharedPort): void {
    if (this.find(port.address) === port) this.#ports.delete(formatAddress(port.address));
  }
}

/** A listener and its members. */
class SharedPort {
  readonly members = new Set<Member>();
  readonly forwarder: Forwarder;

  constructor(first: Member) {
    this.forwarder = new Forwarder(first.options);
    this.members.add(first);
  }

  get address(): ResolvedAddress {
    return this.forwarder.address as ResolvedAddress;
  }

  /** Applies the options that members want: all at once if they fit together (two may exchange their keys), else one by one. */
  settle(): void {
    const waiting = (): Member[] => [...this.members].filter((member) => member.wanted !== member.options);
    if (!conflictOf([...this.members].map((member) => member.wanted))) {
      for (const member of waiting()) member.applyWanted();
    }
    for (let changed = true; changed; ) {
      changed = false;
      for (const member of waiting()) {
        const others = [...this.members].filter((other) => other !== member);
        if (conflictOf([...others.map((other) => other.options), member.wanted])) continue;
        member.applyWanted();
        changed = true;
      }
    }
    for (const member of waiting()) {
      const others = [...this.members].filter((other) => other !== member);
      const conflict = conflictOf([...others.map((other) => other.options), member.wanted]);
      if (conflict) member.refuse(conflict);
    }
    this.refresh();
  }

  /** Applies the members' present options to new connections. */
  refresh(): void {
    const present = [...this.members, ...this.#reachable];
    const [first] = present;
    if (!first) return;
    this.forwarder.reconfigure({
      ...first.options,
      routes: present.flatMap((member) => member.options.routes),
      onEvent: (event) => this.#dispatch(event),
    });
  }

  /** Passes an event to the member of its route. A stranger's failure goes to the longest-standing member, under the name of the port. */
  #dispatch(event: ForwarderEvent): void {
    const route = routeOf(event);
    const [first] = this.members;
    const owner = route ? (this.#everyone().find((member) => member.owns(route)) ?? first) : first;
    const isNobodys = event.type === "failure" && !route && this.members.size > 1;
    owner?.onEvent(isNobodys ? { ...event, port: this.#label() } : event);
  }

  #label(): PortLabel {
    const names = [...this.members].flatMap((member) => member.options.routes.map(({ name }) => name));
    return { listen: formatAddress(this.address), entries: [...new Set(names)] };
  }

  /** Members that have left and still have connections. */
  readonly leaving = new Set<Member>();

  /** Members that have left, to whose sessions a successor at the port passes connections on: it can't begin one with their keys. */
  get #reachable(): Iterable<Member> {
    return [...this.leaving].filter(({ options }) => options.settings.native?.generations?.hasSuccessor === true);
  }

  #everyone(): readonly Member[] {
    return [...this.members, ...this.leaving];
  }
}

function routeOf(event: ForwarderEvent): Route | undefined {
  switch (event.type) {
    case "failure":
    case "session":
      return event.route;
    case "verified":
    case "closed":
      return event.connection.route;
    case "limit-reached":
    case "accept-failed":
      return undefined;
  }
}

class Member implements PortUser {
  readonly #ports: SharedPorts;
  /** The options it runs with, and the options it should run with; they differ only during a conflict. */
  #options: ForwarderOptions;
  #wanted: ForwarderOptions;
  #refused: ForwarderOptions | undefined;
  #port: SharedPort | undefined;
  /** Every route this member ever had: old connections keep theirs. */
  readonly #routes = new Set<Route>();
  #whenEmpty: (() => void)[] = [];
  #isClosed = false;

  constructor(ports: SharedPorts, options: ForwarderOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#wanted = options;
    for (const route of options.routes) this.#routes.add(route);
  }

  get options(): ForwarderOptions {
    return this.#options;
  }

  get address(): ResolvedAddress | undefined {
    return this.#port?.address;
  }

  get strangers(): ReadonlyMap<ErrorCode, number> {
    return this.#port?.forwarder.strangers ?? new Map();
  }

  get isShared(): boolean {
    return (this.#port?.members.size ?? 0) > 1;
  }

  get server(): net.Server | undefined {
    return this.#port?.forwarder.server;
  }

  get connections(): ReadonlySet<Connection> {
    return new Set([...(this.#port?.forwarder.connections ?? [])].filter((connection) => connection.route && this.owns(connection.route)));
  }

  owns(route: Route): boolean {
    return this.#routes.has(route);
  }

  async listen(options: BindOptions): Promise<ResolvedAddress> {
    for (;;) {
      const known = this.#ports.find(options.address);
      if (known) return this.#join(known);
      const opened = await this.#ports.openOnce(options.address, async () => {
        const port = new SharedPort(this);
        await port.forwarder.listen(options);
        this.#opened(port);
      });
      if (opened) return (this.#port as SharedPort).address;
    }
  }

  async adopt(listen: (server: net.Server) => Promise<void>, address: ResolvedAddress): Promise<void> {
    // Other members of this address wait and join, instead of finding the address in use.
    const opened = await this.#ports.openOnce(address, async () => {
      const port = new SharedPort(this);
      await port.forwarder.adopt(listen, address);
      this.#opened(port);
    });
    if (!opened) throw new TunnelError("LISTEN_IN_USE", message("{0} is open already", formatAddress(address)));
  }

  /** Takes effect at once, or, while other members' options stand in the way, as soon as possible; until then the old options stay. */
  reconfigure(options: ForwarderOptions): void {
    this.#wanted = options;
    for (const route of options.routes) this.#routes.add(route);
    if (this.#port) this.#port.settle();
    else this.#options = options;
  }

  takeBack(wire: net.Socket, begun: Begun): void {
    if (this.#port) this.#port.forwarder.takeBack(wire, begun);
    else wire.destroy();
  }

  get wanted(): ForwarderOptions {
    return this.#wanted;
  }

  applyWanted(): void {
    this.#options = this.#wanted;
  }

  /** The wanted options are impossible for now; reported once for each set of options. */
  refuse(error: TunnelError): void {
    if (this.#refused === this.#wanted) return;
    this.#refused = this.#wanted;
    const [route] = this.#wanted.routes;
    route?.stats.fail(error, this.#wanted.settings.clock.wallMs());
    this.#wanted.onEvent?.({ type: "failure", error, peer: NO_PEER, route });
  }

  async drain(): Promise<void> {
    this.#leave();
    if (this.connections.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
    for (const connection of this.connections) connection.drop({ kind: "cancelled" });
    // The keys are wiped after this. A handshake that began earlier would try them, and anybody can prove a wiped key.
    for (const connection of this.#port?.forwarder.connections ?? []) {
      if (!connection.route) connection.drop({ kind: "cancelled" });
    }
    // Its keys are of no use here any more either.
    if (this.#port?.leaving.delete(this) === true) this.#port.refresh();
  }

  onEvent(event: ForwarderEvent): void {
    this.#options.onEvent?.(event);
    // Looks at every connection, strangers' too, so only where somebody waits for it.
    if (event.type !== "closed" || this.#whenEmpty.length === 0 || this.connections.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #join(port: SharedPort): ResolvedAddress {
    if (this.#isClosed) throw closedMeanwhile();
    const conflict = conflictOf([...[...port.members].map((member) => member.options), this.#options]);
    if (conflict) throw conflict;
    port.members.add(this);
    this.#port = port;
    port.refresh();
    return port.address;
  }

  #opened(port: SharedPort): ResolvedAddress {
    if (this.#isClosed) {
      // This member's keys may be wiped by now, and anybody can prove a wiped key.
      port.forwarder.close();
      throw closedMeanwhile();
    }
    this.#port = port;
    this.#ports.add(port);
    port.refresh();
    return port.address;
  }

  /** Takes no more newcomers; the last member to leave closes the port. */
  #leave(): void {
    const port = this.#port;
    if (!port?.members.delete(this)) return;
    port.leaving.add(this);
    if (port.members.size > 0) {
      port.settle();
      return;
    }
    port.refresh();
    this.#ports.remove(port);
    void port.forwarder.drain();
  }
}

/** The caller that closed the tunnel expects nothing more of it. */
function closedMeanwhile(): TunnelError {
  return new TunnelError("LISTEN_DENIED", message("the tunnel was closed while its port was being opened"));
}

/** CONFIG_INVALID when these can't share a port: two have the same key, there are too many keys, or settings of the whole port differ. */
function conflictOf(all: readonly ForwarderOptions[]): TunnelError | undefined {
  const [first] = all;
  if (!first) return undefined;
  const keys = all.flatMap(({ routes }) => routes.flatMap((route) => route.keys.map((key) => ({ key, name: route.name }))));
  if (keys.length > MAX_KEYS_ON_A_PORT) {
    return new TunnelError("CONFIG_INVALID", message("{0} keys are wanted on one port, {1} are possible: use a second port", keys.length, MAX_KEYS_ON_A_PORT));
  }
  const twins = sameKeys(keys, first.settings.suite);
  if (twins) {
    const [one = "", two = ""] = twins.map((name) => JSON.stringify(name));
    return new TunnelError("CONFIG_INVALID", message("{0} and {1} have the same key on one port: the key must tell them apart, give each its own", one, two));
  }
  const isAlike = all.every(({ settings }) =>
    (["forwardSecrecy", "handshakeTimeoutMs", "keepAlive"] as const).every((what) => settings[what] === first.settings[what]),
  );
  if (isAlike) return undefined;
  return new TunnelError(
    "CONFIG_INVALID",
    message("entries that share a port need the same forwardSecrecy, timeoutSeconds and keepAlive: they count before the key is known"),
  );
}

function sameKeys(keys: readonly { readonly key: Uint8Array; readonly name: string }[], suite: CipherSuite): readonly [string, string] | undefined {
  for (const [index, one] of keys.entries()) {
    const twin = keys.slice(index + 1).find((other) => suite.equal(one.key, other.key));
    if (twin) return [one.name, twin.name];
  }
  return undefined;
}
