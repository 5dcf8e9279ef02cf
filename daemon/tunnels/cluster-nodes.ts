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
import type { ResolvedAddress } from "../proxy/target.ts";
import { type NodeAddress, nodeText } from "../services/redis-cluster.ts";
import type { RememberedNode } from "./listen-memory.ts";

/** Redis's own advice ends at 1,000 nodes ("Redis cluster specification"). */
const MAX_NODES = 1_000;

/** A node, ready to be asked for. */
export interface ClusterNode {
  /** `10.0.0.5:7000` */
  readonly text: string;
  readonly backend: AskedTarget;
}

/** What the nodes of a tunnel need. */
export interface ClusterNodesOptions {
  /** The address at which nodes listen. */
  readonly host: string;
  readonly options: (node: ClusterNode) => ForwarderOptions;
  readonly remembered: () => readonly RememberedNode[];
  readonly keep: (nodes: readonly RememberedNode[]) => void;
  /** A listener of the previous daemon at this address, if there is one. */
  readonly adopt: (forwarder: Forwarder, address: ResolvedAddress) => Promise<boolean>;
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
    const nodes = this.#options.remembered().flatMap(({ node }) => {
      const backend = readBackend(node);
      return backend?.kind === "address" ? [{ text: node, backend }] : [];
    });
    await Promise.allSettled(nodes.map((node) => this.#known(node).opening));
  }

  /** Every node with its port, for people and for `url --nodes`. */
  get list(): readonly { readonly node: string; readonly address: ResolvedAddress; readonly forwarder: Forwarder }[] {
    return [...this.#nodes.values()].flatMap(({ node, forwarder }) => (forwarder?.address ? [{ node: node.text, address: forwarder.address, forwarder }] : []));
  }

  /** All listeners, those that drain too. */
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
    for (const { node, forwarder } of this.#nodes.values()) forwarder?.reconfigure(this.#options.options(node));
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
      const port = this.#options.remembered().find(({ node }) => node === text)?.port;
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
    const forwarder = new Forwarder(this.#options.options(node));
    const address = { kind: "tcp", host: this.#options.host, port } as const;
    try {
      if (port === 0 || !(await this.#options.adopt(forwarder, address))) await forwarder.listen({ address, ownerOnly: true, isOwnSocket: () => false });
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
    this.#options.keep(this.list.flatMap(({ node, address }) => (address.kind === "tcp" ? [{ node, port: address.port }] : [])));
  }
}

function portsOf(text: string, forwarder: Forwarder | undefined): [string, number][] {
  return forwarder?.address?.kind === "tcp" ? [[text, forwarder.address.port]] : [];
}

/** Listeners with their addresses, for a hand-over. */
export function listenersOf(nodes: ClusterNodes | undefined): readonly (readonly [net.Server, ResolvedAddress])[] {
  return (nodes?.list ?? []).flatMap(({ forwarder, address }) => (forwarder.server.listening ? [[forwarder.server, address] as const] : []));
}
