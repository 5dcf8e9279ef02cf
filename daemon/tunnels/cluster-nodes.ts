/**
 * The nodes of a Redis Cluster behind one client tunnel: each has a port of this
 * machine, which leads to the node through the tunnel's far end. Nodes are learned
 * from what the cluster says; a node keeps its port over restarts.
 *
 *     named by the cluster ──► port opened, remembered ──► longest not named, when there are too many: closed, forgotten
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { type AskedTarget, readBackend } from "../../shared/far-target.ts";
import { message } from "../../shared/message.ts";
import { Forwarder, type ForwarderOptions } from "../proxy/forwarder.ts";
import type { Route } from "../proxy/route.ts";
import type { RouteStats } from "../proxy/stats.ts";
import type { ResolvedAddress } from "../proxy/target.ts";
import { type NodeAddress, nodeText } from "../services/redis-cluster.ts";
import type { RememberedNode } from "./listen-memory.ts";
import type { TunnelPlan } from "./plan.ts";

/** Redis's own advice ends at 1,000 nodes ("Redis cluster specification"). */
const MAX_NODES = 1_000;

/** A node, ready to be asked for. */
interface ClusterNode {
  /** `10.0.0.5:7000` */
  readonly text: string;
  readonly backend: AskedTarget;
}

/** What is remembered of the nodes behind a tunnel, over restarts and a hand-over. */
export interface NodeMemory {
  nodesOf(plan: TunnelPlan): readonly RememberedNode[];
  keepNodes(plan: TunnelPlan, nodes: readonly RememberedNode[]): void;
  /** The listener of the previous daemon at this address, if there is one. */
  claim(address: ResolvedAddress): { listen(server: net.Server): Promise<void> } | undefined;
}

/** What the nodes of a tunnel need. */
export interface ClusterNodesOptions {
  /** The tunnel's, as it is now. */
  readonly plan: () => TunnelPlan;
  /** How the tunnel's own port works; it has one route. */
  readonly options: () => ForwarderOptions;
  readonly memory: NodeMemory;
  /** Counters of their own: what one node does is no evidence about the tunnel. */
  readonly stats: RouteStats;
  readonly onChanged: () => void;
}

/** What is known of one node; `forwarder` undefined: its port is being opened. */
interface Known {
  readonly node: ClusterNode;
  forwarder: Forwarder | undefined;
  opening: Promise<void>;
}

/** See the file's header. `close` or `drain` it. */
export class ClusterNodes {
  readonly #options: ClusterNodesOptions;
  /** In the order in which they were named, the longest ago first. */
  readonly #nodes = new Map<string, Known>();
  /** Host names that the cluster has said together with an address. */
  readonly #names = new Map<string, string>();
  readonly #leaving = new Set<Forwarder>();
  #isOver = false;

  constructor(options: ClusterNodesOptions) {
    this.#options = options;
  }

  /** Opens the ports of the nodes that were known before. */
  async start(): Promise<void> {
    const nodes = this.#remembered.flatMap(({ node }) => {
      const backend = readBackend(node);
      return backend?.kind === "address" ? [{ text: node, backend }] : [];
    });
    await Promise.allSettled(nodes.map((node) => this.#known(node).opening));
  }

  /** Every node with its port, for people and for `url --nodes`. */
  get list(): readonly { readonly node: string; readonly address: ResolvedAddress; readonly forwarder: Forwarder }[] {
    return [...this.#nodes.values()].flatMap(({ node, forwarder }) => (forwarder?.address ? [{ node: node.text, address: forwarder.address, forwarder }] : []));
  }

  /** Their listeners, for a hand-over. */
  get listeners(): readonly (readonly [net.Server, ResolvedAddress])[] {
    return this.list.flatMap(({ forwarder, address }) => (forwarder.server.listening ? [[forwarder.server, address] as const] : []));
  }

  /** All of them, those that drain too. */
  get forwarders(): readonly Forwarder[] {
    return [...this.list.map(({ forwarder }) => forwarder), ...this.#leaving];
  }

  /**
   * The ports of these nodes; see {@link NodePorts}.
   * @throws TunnelError LIMIT_REACHED, CONFIG_INVALID for a host whose address the cluster has not said; LISTEN_DENIED, LISTEN_IN_USE later
   */
  ports(named: readonly NodeAddress[]): ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>> {
    if (named.length > MAX_NODES)
      throw new TunnelError("LIMIT_REACHED", message("the cluster names {0} nodes, and {1} can have a port here", named.length, MAX_NODES));
    const nodes = named.map((address) => [nodeText(address), this.#nodeOf(address)] as const);
    const known = nodes.map(([text, node]) => [text, this.#known(node)] as const);
    const result = (): ReadonlyMap<string, number> => new Map(known.flatMap(([text, { forwarder }]) => portsOf(text, forwarder)));
    this.#forgetSome(new Set(nodes.map(([, { text }]) => text)));
    return known.every(([, { forwarder }]) => forwarder) ? result() : Promise.all(known.map(([, { opening }]) => opening)).then(result);
  }

  /** From now on newcomers get the tunnel's present plan. */
  reconfigure(): void {
    for (const { node, forwarder } of this.#nodes.values()) forwarder?.reconfigure(this.#optionsOf(node));
  }

  async drain(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.forwarders.map((forwarder) => forwarder.drain()));
  }

  close(): void {
    this.#isOver = true;
    for (const forwarder of this.forwarders) forwarder.close();
    this.#nodes.clear();
  }

  get #remembered(): readonly RememberedNode[] {
    const { plan, memory } = this.#options;
    return memory.nodesOf(plan());
  }

  /** As the tunnel's own port, but for where it leads. Only on the native wire can a node be asked for. */
  #optionsOf({ text, backend }: ClusterNode): ForwarderOptions {
    const { options, stats } = this.#options;
    const own = options();
    const [route] = own.routes as [Route];
    const toNode = { name: `${route.name}, node ${text}`, backend, isOther: true, stats, wire: "native" as const, limitOwner: undefined, tells: isLasting };
    return { ...own, routes: [{ ...route, ...toNode }] };
  }

  /** A node as the far end is asked for it: by its address, never by a name, which the far end may look up differently. */
  #nodeOf({ host, port, names }: NodeAddress): ClusterNode {
    const address = readBackend(nodeText({ host, port }))?.kind === "address" ? host : this.#names.get(host);
    const text = address === undefined ? "" : nodeText({ host: address, port });
    const backend = readBackend(text);
    if (address === undefined || backend?.kind !== "address") {
      throw new TunnelError(
        "CONFIG_INVALID",
        message("the cluster names its node {0} without its IP address: ask CLUSTER SLOTS first", nodeText({ host, port })),
      );
    }
    for (const name of names) if (this.#names.size < 4 * MAX_NODES) this.#names.set(name.toLowerCase(), address);
    return { text, backend };
  }

  #known(node: ClusterNode): Known {
    const present = this.#nodes.get(node.text);
    const known = present ?? { node, forwarder: undefined, opening: Promise.resolve() };
    // Named last: moves to the end.
    this.#nodes.delete(node.text);
    this.#nodes.set(node.text, known);
    if (!present) known.opening = this.#open(known);
    return known;
  }

  async #open(known: Known): Promise<void> {
    const { text } = known.node;
    try {
      const port = this.#remembered.find(({ node }) => node === text)?.port;
      const forwarder = (port === undefined ? undefined : await this.#listen(known.node, port).catch(() => undefined)) ?? (await this.#listen(known.node, 0));
      if (this.#isOver || this.#nodes.get(text) !== known) {
        forwarder.close();
        throw new TunnelError("LISTEN_DENIED", message("the tunnel has been closed"));
      }
      known.forwarder = forwarder;
      if (forwarder.address?.kind === "tcp" && forwarder.address.port !== port) this.#remember();
      this.#options.onChanged();
    } catch (error) {
      if (this.#nodes.get(text) === known) this.#nodes.delete(text);
      throw error;
    }
  }

  async #listen(node: ClusterNode, port: number): Promise<Forwarder> {
    const forwarder = new Forwarder(this.#optionsOf(node));
    const { plan, memory } = this.#options;
    const { listen } = plan();
    const address = { kind: "tcp", host: listen.kind === "tcp" ? listen.host : "127.0.0.1", port } as const;
    try {
      const inherited = port === 0 ? undefined : memory.claim(address);
      if (inherited) await forwarder.adopt((server) => inherited.listen(server), address);
      else await forwarder.listen({ address, ownerOnly: true, isOwnSocket: () => false });
      return forwarder;
    } catch (error) {
      forwarder.close();
      throw error;
    }
  }

  /** Beyond the limit, nodes that were not named for the longest time give their ports back; their connections go on. */
  #forgetSome(kept: ReadonlySet<string>): void {
    for (const [text, { forwarder }] of this.#nodes) {
      if (this.#nodes.size <= MAX_NODES) return;
      if (kept.has(text)) continue;
      this.#nodes.delete(text);
      if (!forwarder) continue;
      this.#leaving.add(forwarder);
      void forwarder.drain().then(() => this.#leaving.delete(forwarder));
    }
  }

  #remember(): void {
    const { plan, memory } = this.#options;
    memory.keepNodes(
      plan(),
      this.list.flatMap(({ node, address }) => (address.kind === "tcp" ? [{ node, port: address.port }] : [])),
    );
  }
}

function portsOf(text: string, forwarder: Forwarder | undefined): [string, number][] {
  return forwarder?.address?.kind === "tcp" ? [[text, forwarder.address.port]] : [];
}

/** What no other node can mend. A node that is down ends its connections, with the tunnel as without: clients ask others then. */
function isLasting({ code }: TunnelError): boolean {
  return ["TARGET_REFUSED", "WIRE_REFUSED", "KEY_MISMATCH", "LIMIT_REACHED", "CONFIG_INVALID"].includes(code);
}
