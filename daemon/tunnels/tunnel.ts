/**
 * One tunnel that is open or wants to be: keeps its port bound, whatever the far
 * side does, and derives its state from evidence instead of from hope. What is
 * wanted, approved and shared is the manager's business.
 *
 *     opening ──► listening ──► key-verified ──► verified ◄──► degraded, reconnecting
 *        └─ port-busy ─┘ (retries)                  any ──► draining ──► closed
 */
import type * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { readAllow } from "../../shared/contract/allow-rules.ts";
import { isRedis } from "../../shared/contract/service-titles.ts";
import type { FailureStatus, TunnelState } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { readBackend } from "../../shared/far-target.ts";
import type { After, Clock, Dispose } from "../../shared/time.ts";
import type { DhPairs } from "../crypto/dh-pairs.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { WireChoice } from "../protocol/negotiation.ts";
import type { Connection } from "../proxy/connection.ts";
import { connectionSettings, type NativeSettings } from "../proxy/connection-settings.ts";
import { FarTargets } from "../proxy/far-targets.ts";
import { Forwarder, type ForwarderEvent, type ForwarderOptions, NO_PEER, type PortUser } from "../proxy/forwarder.ts";
import type { Reconnecting, WayNews } from "../proxy/native-way.ts";
import type { Route } from "../proxy/route.ts";
import { SecondLook } from "../proxy/second-look.ts";
import type { SharedPorts } from "../proxy/shared-port.ts";
import { RouteStats, sumOf } from "../proxy/stats.ts";
import { type Lookup, type ResolvedAddress, Target } from "../proxy/target.ts";
import { refusalError, refusalIn } from "../services/first-words.ts";
import { speaksTls } from "../services/probe.ts";
import { refuserOf } from "../services/refusal.ts";
import { isTlsAlert } from "../services/tls-client.ts";
import { BindRetry } from "./bind-retry.ts";
import { ClusterNodes, type NodeMemory } from "./cluster-nodes.ts";
import { Health } from "./health.ts";
import { HoldOff } from "./hold-off.ts";
import type { NativeWays, WayShare } from "./native-ways.ts";
import { isSameWay, type TunnelPlan } from "./plan.ts";

/** What a tunnel needs from outside. */
export interface TunnelContext {
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly after?: After | undefined;
  readonly lookup?: Lookup | undefined;
  /** What the native wire needs; left out: tunnels speak only spiped's. */
  readonly native?: NativeSettings | undefined;
  /** Key pairs for spiped's handshakes; left out: each makes its own. */
  readonly pairs?: DhPairs | undefined;
  /** Sessions of the native wire, shared by client tunnels of the same far side and key. */
  readonly ways: NativeWays;
  /** Server-role ports, shared by tunnels whose keys tell them apart. */
  readonly ports: SharedPorts;
  readonly observer: TunnelObserver;
  /** Where the nodes of the cluster behind a tunnel listened before. */
  readonly nodeMemory: NodeMemory;
  /** Whether an earlier daemon of ours made the unix socket at this path. */
  readonly isOwnSocket: (path: string) => boolean;
}

/** Who is told; calls are synchronous and must not throw. */
export interface TunnelObserver {
  /** The listener is bound, at the first try or a later one. */
  listening(tunnel: Tunnel): void;
  /** The port can't be bound; once for each reason. */
  bindFailed(tunnel: Tunnel, error: TunnelError): void;
  /** The listener that was bound is gone. */
  released(tunnel: Tunnel): void;
  /** The state has changed, or only the evidence for it. */
  changed(tunnel: Tunnel, what: "state" | "evidence"): void;
  event(tunnel: Tunnel, event: ForwarderEvent): void;
}

/** A listener that the previous daemon has handed over. */
export interface Inherited {
  readonly address: ResolvedAddress;
  /** Makes `server` accept on it; the "connection" listener of `server` must be set already. */
  listen(server: net.Server): Promise<void>;
  /** Closes it unused. */
  discard(): void;
}

/** A running tunnel. Owns its listener, timers, target and keys: `close` or `drain` it. */
export class Tunnel {
  #plan: TunnelPlan;
  readonly #context: TunnelContext;
  readonly #holdOff: HoldOff;
  /** Counters for each way to the backend so far, the present way's last. */
  readonly #stats = [new RouteStats()];
  /** Keys of every plan so far: old connections still use old keys. */
  readonly #keys: SharedKey[] = [];
  #health: Health;
  /** Belongs to the present way; connections of an older way keep theirs. */
  #secondLook: SecondLook;
  /** Client role: the native wire of the present way; and those of ways before, until their last streams are over. */
  #native: WayShare | undefined;
  readonly #retired = new Set<WayShare>();
  readonly #unwatch: Dispose[] = [];
  #target: Target;
  /** Server role: what else clients may ask for. */
  #others: FarTargets | undefined;
  #forwarder: PortUser;
  /** Client, Redis Cluster: its nodes, with counters of their own: what one node does is no evidence about the tunnel. */
  #nodes: ClusterNodes | undefined;
  /** Of an entry that was a cluster's before, until their last connections are over. */
  readonly #leavingNodes = new Set<ClusterNodes>();
  readonly #nodeStats = new RouteStats();
  #phase: "opening" | "port-busy" | "open" | "draining" | "closed" = "opening";
  readonly #bindRetry: BindRetry;
  /** What the service said of itself when it was last probed: "Redis 7.0.15". */
  product: string | undefined;
  /** Open connections when the session lost its connection. */
  #heldAtCut = 0;
  readonly #waiting: (() => void)[] = [];
  #state: TunnelState = "opening";
  #sinceMs: number;

  constructor(plan: TunnelPlan, context: TunnelContext) {
    this.#plan = plan;
    this.#context = context;
    this.#keys.push(...plan.keys);
    this.#bindRetry = new BindRetry(context, () => this.#bindAgain());
    this.#holdOff = new HoldOff(context);
    this.#health = new Health(plan.role);
    this.#secondLook = new SecondLook(context.clock);
    this.#native = this.#makeNative();
    this.#sinceMs = context.clock.wallMs();
    this.#target = this.#makeTarget();
    this.#others = this.#makeOthers();
    this.#nodes = this.#makeNodes();
    this.#forwarder = this.#makeForwarder();
  }

  get plan(): TunnelPlan {
    return this.#plan;
  }

  get forwarder(): PortUser {
    return this.#forwarder;
  }

  get state(): TunnelState {
    return this.#state;
  }

  /** When the tunnel came into this state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Where it listens, with the real port once it does. */
  get listen(): ResolvedAddress {
    return this.#forwarder.address ?? this.#plan.listen;
  }

  /** The nodes of the cluster behind it, with their ports here. */
  get nodes(): readonly { readonly node: string; readonly address: ResolvedAddress }[] {
    return this.#nodes?.list ?? [];
  }

  /** Its connections, those to the nodes of a cluster included. */
  *connections(): Iterable<Connection> {
    yield* this.#forwarder.connections;
    for (const { connections } of this.#nodeForwarders) yield* connections;
  }

  get connectionCount(): number {
    return this.#nodeForwarders.reduce((sum, { connections }) => sum + connections.size, this.#forwarder.connections.size);
  }

  get #nodeForwarders(): readonly Forwarder[] {
    return this.#allNodes.flatMap(({ forwarders }) => forwarders);
  }

  get #allNodes(): readonly ClusterNodes[] {
    return [...(this.#nodes ? [this.#nodes] : []), ...this.#leavingNodes];
  }

  /** Its listeners, for a hand-over. */
  get listeners(): readonly (readonly [net.Server, ResolvedAddress])[] {
    const { server } = this.#forwarder;
    return [...(server?.listening ? [[server, this.listen] as const] : []), ...(this.#nodes?.listeners ?? [])];
  }

  /** Whether its port is bound and takes connections. */
  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** Why the port can't be bound, while it can't. */
  get bindFailure(): FailureStatus | undefined {
    return this.#bindRetry.failure;
  }

  /** The counters of the present way to the backend: what the state rests on. */
  get stats(): RouteStats {
    return this.#stats.at(-1) as RouteStats;
  }

  /** All counters together, for people. */
  get totals(): RouteStats {
    return sumOf([...this.#stats, this.#nodeStats]);
  }

  /** Client: connections that wait for a new connection to the far end. */
  get reconnecting(): Reconnecting | undefined {
    return this.#native?.way.reconnecting;
  }

  /** Binds the port, again and again if need be; resolves after the first try. */
  async open(): Promise<void> {
    try {
      const { listen: address, role } = this.#plan;
      // A client's socket leads to the database in the clear; a server's socket admits only those who have the key.
      await this.#forwarder.listen({ address, isOwnSocket: this.#context.isOwnSocket, ownerOnly: role === "client" });
    } catch (error) {
      if (this.#isEnding()) return;
      if (!(error instanceof TunnelError)) throw error;
      this.#retryLater(error);
      return;
    }
    this.#onBound();
  }

  /** Goes on with a listener of the previous daemon; binds anew if that fails. */
  async adopt(inherited: Inherited): Promise<void> {
    try {
      await this.#forwarder.adopt(inherited.listen, inherited.address);
    } catch {
      inherited.discard();
      if (this.#isEnding()) return;
      this.#forwarder = this.#makeForwarder();
      await this.open();
      return;
    }
    this.#onBound();
  }

  /** New connections get the new plan, old ones keep the old; the listen address and role must be the same. */
  reconfigure(plan: TunnelPlan): void {
    const here = [this.listen, this.#plan.listen].map(formatAddress);
    if (!here.includes(formatAddress(plan.listen))) throw new RangeError("another listen address is another tunnel");
    const leadsElsewhere = !isSameWay(this.#plan, plan);
    this.#plan = plan;
    this.#keys.push(...plan.keys);
    this.#target.dispose();
    this.#target = this.#makeTarget();
    this.#others?.dispose();
    this.#others = this.#makeOthers();
    if (leadsElsewhere) {
      this.#holdOff.end({ forget: true });
      this.#health = new Health(plan.role);
      this.#secondLook = new SecondLook(this.#context.clock);
      void this.#retireNative();
      this.#native = this.#makeNative();
      this.#stats.push(new RouteStats());
      this.product = undefined;
    }
    this.#reconfigureNodes();
    this.#forwarder.reconfigure(this.#options());
    if (!this.look()) this.#context.observer.changed(this, "state");
  }

  /** Binds now if the tunnel waits for the next try because of a mistake: the mistake may have been mended. */
  tryAgain(): void {
    if (this.#bindRetry.failure?.code === "CONFIG_INVALID") this.#bindRetry.now();
  }

  /** After sleep or a change of network: look the target up again, probe connections that may be dead. */
  wake(): void {
    this.#holdOff.end({ forget: false });
    if (!this.#isEnding()) void this.#target.refresh().catch(() => {});
    this.#native?.way.wake();
    for (const connection of this.connections()) connection.rearmKeepAlive();
  }

  /** Stops listening; resolves when the last connection has ended. Cuts none. */
  async drain(): Promise<void> {
    if (this.#phase === "closed") return;
    const wasOpen = this.isOpen;
    this.#bindRetry.stop();
    this.#phase = "draining";
    const ended = Promise.all([this.#forwarder.drain(), ...this.#allNodes.map((nodes) => nodes.drain())]);
    if (wasOpen) this.#context.observer.released(this);
    this.look();
    await ended;
    await this.#retireNative();
    this.close();
  }

  /** Stops listening, cuts every connection, and wipes the keys. */
  close(): void {
    if (this.#phase === "closed") return;
    const wasOpen = this.isOpen;
    this.#bindRetry.stop();
    this.#phase = "closed";
    this.#forwarder.close();
    for (const nodes of this.#allNodes) nodes.close();
    this.#target.dispose();
    this.#others?.dispose();
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    for (const share of [this.#native, ...this.#retired]) share?.close();
    for (const key of this.#keys.splice(0)) key.fill(0);
    if (wasOpen) this.#context.observer.released(this);
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.look();
  }

  /** Resolves at the next proof of the key or the backend, the next failure, or when it is closed. */
  nextEvidence(): Promise<void> {
    if (this.#phase === "closed") return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Somebody asks on purpose: new connections go to the far side at once, even after a wrong key, and the result of a recent second look is not reused. */
  lookAfresh(): void {
    this.#holdOff.end({ forget: false });
    this.#secondLook.forget();
  }

  /** Takes note of a failure that only a probe could see, such as what a database answered. */
  note(error: TunnelError): void {
    const { stats } = this;
    stats.fail(error, this.#context.clock.wallMs());
    this.#onFailure(error);
    this.#context.observer.event(this, { type: "failure", error, peer: "a probe", route: undefined });
    if (!this.look()) this.#context.observer.changed(this, "evidence");
  }

  /** Brings the state up to date with evidence that came without an event; true if it changed. */
  look(): boolean {
    const state = this.#phase === "open" ? this.#openState : this.#phase;
    if (state === this.#state) return false;
    this.#state = state;
    this.#sinceMs = this.#context.clock.wallMs();
    this.#context.observer.changed(this, "state");
    return true;
  }

  /** Its connections, or those of others with the same far side and key, wait for the network; else what the evidence says. */
  get #openState(): TunnelState {
    return this.reconnecting ? "reconnecting" : this.#health.stateOf(this.stats);
  }

  #onBound(): void {
    if (this.#isEnding()) {
      this.#forwarder.close();
      return;
    }
    this.#bindRetry.succeeded();
    this.#phase = "open";
    void this.#nodes?.start();
    this.#context.observer.listening(this);
    this.look();
  }

  #retryLater(error: TunnelError): void {
    const { observer } = this.#context;
    const isNew = this.#bindRetry.failed(error);
    this.#phase = "port-busy";
    if (isNew) observer.bindFailed(this, error);
    if (!this.look() && isNew) observer.changed(this, "state");
  }

  #bindAgain(): void {
    // A server that failed to listen is not used again.
    this.#forwarder = this.#makeForwarder();
    void this.open();
  }

  #makeForwarder(): PortUser {
    return this.#plan.role === "server" ? this.#context.ports.member(this.#options()) : new Forwarder(this.#options());
  }

  #makeNodes(): ClusterNodes | undefined {
    if (!isCluster(this.#plan)) return undefined;
    return new ClusterNodes({
      plan: () => this.#plan,
      options: () => this.#options(),
      memory: this.#context.nodeMemory,
      stats: this.#nodeStats,
      onChanged: () => this.#context.observer.changed(this, "evidence"),
    });
  }

  /** The service of an entry may become a cluster's, or no longer be: connections that exist go on. */
  #reconfigureNodes(): void {
    const nodes = this.#nodes;
    if (isCluster(this.#plan) === (nodes !== undefined)) {
      nodes?.reconfigure();
      return;
    }
    this.#nodes = this.#makeNodes();
    if (this.isOpen) void this.#nodes?.start();
    if (nodes) {
      this.#leavingNodes.add(nodes);
      void nodes.drain().then(() => this.#leavingNodes.delete(nodes));
    }
  }

  /** Which wires are spoken. Weak mode sends no hint: there a repeated nonce is fatal. */
  get #wire(): WireChoice {
    return this.#plan.forwardSecrecy === "off" ? "spiped" : (this.#plan.wire ?? "auto");
  }

  #makeNative(): WayShare | undefined {
    if (this.#plan.role !== "client" || !this.#context.native || this.#wire === "spiped") return undefined;
    const share = this.#context.ways.take(this.#plan);
    this.#unwatch.push(share.way.watch((news) => this.#onSession(news)));
    return share;
  }

  /** Sessions of a way that is over end with their last streams. */
  async #retireNative(): Promise<void> {
    const share = this.#native;
    if (!share) return;
    this.#retired.add(share);
    await share.retire();
    this.#retired.delete(share);
  }

  #makeTarget(): Target {
    return new Target({ address: this.#plan.target, refreshMs: this.#plan.dnsRefreshMs, ...(this.#context.lookup && { lookup: this.#context.lookup }) });
  }

  #makeOthers(): FarTargets | undefined {
    const { role, targets, allow, dnsRefreshMs } = this.#plan;
    if (role !== "server" || (targets === undefined && allow === undefined)) return undefined;
    const rules = allow?.flatMap((line) => {
      const read = readAllow(line);
      return "rule" in read ? [read.rule] : [];
    });
    return new FarTargets({ targets, allow: rules, refreshMs: dnsRefreshMs, lookup: this.#context.lookup });
  }

  #options(): ForwarderOptions {
    const { plan } = this;
    return {
      settings: connectionSettings(plan, this.#context),
      routes: [
        {
          name: plan.name,
          keys: plan.keys,
          fingerprints: plan.fingerprints,
          target: this.#target,
          others: this.#others,
          ...(plan.backend !== undefined && { backend: readBackend(plan.backend) }),
          bind: plan.bind,
          maxConnections: plan.maxConnections,
          keepsMs: plan.keepsMs,
          limitOwner: this,
          refusalIn: (firstBytes) => refusalOf(plan, firstBytes),
          ...(plan.role === "client" && plan.refusal !== "close" && { refuser: () => refuserOf(plan.service, plan.tls === true) }),
          ...portsOf(this.#nodes),
          stats: this.stats,
          secondLook: this.#secondLook,
          wire: this.#wire,
          native: this.#native?.way,
        },
      ],
      limitPolicy: "refuse",
      holdOff: () => this.#holdOff.reason,
      onEvent: (event) => this.#onEvent(event),
    };
  }

  #onEvent(event: ForwarderEvent): void {
    const route = event.type === "failure" ? event.route : event.type === "verified" ? event.connection.route : undefined;
    // Connections of an older plan say nothing about this one.
    // Nor do streams to another backend than the entry's own.
    if (route?.stats === this.stats && !route.isOther) {
      if (event.type === "failure") this.#onFailure(event.error);
      if (event.type === "verified") {
        this.#holdOff.end({ forget: true });
        this.#health.verified(event.what);
      }
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    this.#context.observer.event(this, event);
    if (!this.look()) this.#context.observer.changed(this, "evidence");
  }

  /** The session may carry connections of other tunnels too: what is said is about this tunnel's own. */
  #onSession(news: WayNews): void {
    if (news.what === "cut") this.#heldAtCut = this.stats.open;
    if (this.#heldAtCut > 0 && news.what !== "trying") {
      this.#context.observer.event(this, { type: "session", news: { ...news, streams: this.#heldAtCut }, route: undefined, peer: NO_PEER });
    }
    if (news.what === "back" || news.what === "gone") this.#heldAtCut = 0;
    if (!this.look()) this.#context.observer.changed(this, "evidence");
  }

  #onFailure(error: TunnelError): void {
    if (error.code === "KEY_MISMATCH" && this.#plan.role === "client") this.#holdOff.start(error);
    // A far end that seems to be full has let a handshake run out of time; limits of this machine say nothing about that far end.
    const code = error.code === "LIMIT_REACHED" && error.cause instanceof TunnelError ? error.cause.code : error.code;
    this.#health.failed(code, this.#context.clock.wallMs());
  }

  /** The phase may change while a promise is awaited, which the compiler can't see. */
  #isEnding(): boolean {
    return this.#phase === "draining" || this.#phase === "closed";
  }
}

/** Where the nodes are on this machine, for a route. */
function portsOf(nodes: ClusterNodes | undefined): Pick<Route, "nodePorts"> {
  return nodes ? { nodePorts: (named) => nodes.ports(named) } : {};
}

function isCluster({ role, service }: TunnelPlan): boolean {
  return role === "client" && service === "redis-cluster";
}

function refusalOf({ service, tls = false }: TunnelPlan, firstBytes: Uint8Array): TunnelError | undefined {
  if (isRedis(service) && !tls && isTlsAlert(firstBytes)) return speaksTls();
  const refusal = refusalIn(service, firstBytes);
  return refusal && refusalError(service, refusal);
}
