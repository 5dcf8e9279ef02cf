/**
 * The tunnels that run, and who shares them: joins, opens, changes and leaves
 * them. One listen address belongs to one definition; a want with another
 * definition waits for it. Only `cut` and `close` cut live connections here.
 */

import { formatAddress } from "../../shared/address.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { machineAfter } from "../../shared/time.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { SharedPorts } from "../proxy/shared-port.ts";
import type { ResolvedAddress } from "../proxy/target.ts";
import type { StateStore } from "./daemon-state.ts";
import { ListenMemory } from "./listen-memory.ts";
import { NativeWays } from "./native-ways.ts";
import { type Planned, type TunnelPlan, wipe } from "./plan.ts";
import { type Inherited, Tunnel, type TunnelContext } from "./tunnel.ts";
import type { SharedTunnel, Want } from "./want.ts";

/** What a tunnel needs beside what the pool adds. */
export type TunnelParts = Omit<TunnelContext, "observer" | "isOwnSocket" | "nodeMemory" | "ports" | "ways">;

/** Who is told; calls are synchronous and must not throw. */
export interface PoolObserver {
  /** Something about a want's tunnel has changed. */
  changed(want: Want): void;
  /** The last connection from before a want left its tunnel has ended. */
  drained(want: Want): void;
  /** An address that others wait for may be free. */
  freed(): void;
  event(name: string, event: ForwarderEvent, configPath?: string): void;
  listening(tunnel: Tunnel): void;
  bindFailed(tunnel: Tunnel, error: TunnelError): void;
  /** From now on new connections use other keys as well: `keys` has their sources and fingerprints. */
  rekeyed(tunnel: Tunnel, keys: ApprovalFacts["keys"]): void;
}

/** What a pool is given. */
export interface PoolOptions {
  readonly tunnel: TunnelParts;
  readonly store: StateStore;
  readonly observer: PoolObserver;
}

/** Our choice: traffic updates what is shown at most this often; a change of state is reported at once. */
const EVIDENCE_MS = 100;

/** See the file's header. Owns all tunnels: `close`. */
export class TunnelPool {
  readonly #options: PoolOptions;
  readonly #memory: ListenMemory;
  readonly #ports = new SharedPorts();
  readonly #ways = new NativeWays();
  readonly #shared = new Map<Tunnel, SharedTunnel>();
  /** Each with the last want that left it. */
  readonly #draining = new Map<Tunnel, Want>();
  readonly #evidenceTimers = new Map<Tunnel, () => void>();
  #inherited: Inherited[] = [];

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#memory = new ListenMemory(options.store);
  }

  /** Takes the listeners of the previous daemon: they are used where their addresses are wanted. */
  inherit(inherited: readonly Inherited[]): void {
    this.#inherited.push(...inherited);
  }

  /** Closes inherited listeners that nobody has asked for. */
  closeUnclaimed(): void {
    for (const inherited of this.#inherited.splice(0)) inherited.discard();
  }

  /** Tunnels that listen or want to. */
  get running(): readonly Tunnel[] {
    return [...this.#shared.keys()];
  }

  /** Running tunnels, and those that drain. */
  get all(): readonly Tunnel[] {
    return [...this.#shared.keys(), ...this.#draining.keys()];
  }

  /**
   * Joins a running tunnel of the same definition, changes the want's own in place, or opens one; returns what stands
   * in the way. Takes over the keys of the plan.
   */
  async attach(want: Want, planned: Planned): Promise<TunnelError | undefined> {
    const plan = { ...planned.plan, listen: this.#memory.resolve(want.ref, planned.plan.listen) };
    if (want.shared?.digest === planned.digest) {
      wipe(plan);
      return undefined;
    }
    const same = [...this.#shared.values()].find(
      (shared) => shared.digest === planned.digest && mayServe(shared.tunnel, plan.listen) && !isTwin(shared, want, plan),
    );
    if (same) {
      wipe(plan);
      this.detach(want);
      same.wants.add(want);
      want.shared = same;
      this.#rememberPort(want, same.tunnel);
      return undefined;
    }
    const rival = this.#rivalOf(want, plan);
    const owner = rival && [...rival.wants].find((other) => other !== want && other.approved?.digest !== planned.digest);
    if (owner) {
      wipe(plan);
      return new TunnelError(
        "LISTEN_IN_USE",
        message('{0} is used by "{1}" of {2} with another definition: choose another port', formatAddress(plan.listen), owner.ref.name, owner.ref.configPath),
      );
    }
    if (rival && canChangeInto(rival.tunnel, plan)) {
      const usedBefore = rival.tunnel.plan.fingerprints ?? [];
      this.#change(rival, { want, plan, digest: planned.digest });
      const fresh = planned.facts.keys.filter(({ fingerprint }) => !usedBefore.includes(fingerprint));
      if (fresh.length > 0) this.#options.observer.rekeyed(rival.tunnel, fresh);
      return undefined;
    }
    this.detach(want);
    // All wants of the rival want the tunnel that is opened now, and join it in their turn.
    if (rival) for (const other of rival.wants) this.detach(other);
    await this.#open(want, plan, planned.digest);
    return undefined;
  }

  /** Saves what must outlive us about where a want's tunnel listens. Resolves to undefined when it is on the disk, or to the reason why it is not. */
  async remembered({ shared, ref, entry }: Want): Promise<TunnelError | undefined> {
    const tunnel = shared?.tunnel;
    if (!tunnel?.isOpen) return undefined;
    const socket = this.#memory.madeSocket(tunnel.listen);
    const port = entry && asksForAnyPort(entry.listen) ? this.#memory.keepPort(ref, tunnel.listen) : undefined;
    return (await socket) ?? (await port);
  }

  /** Leaves the running tunnel. When the last want has left, the tunnel drains, and wants that wait for its port get their turn. */
  detach(want: Want): void {
    const { shared } = want;
    if (!shared) return;
    want.shared = undefined;
    shared.wants.delete(want);
    if (shared.wants.size === 0) this.#letGo(shared.tunnel, want);
    this.#options.observer.freed();
  }

  /** Ends the tunnel and its connections for all wants that share it, and returns these wants: they may want it again. */
  cut(shared: SharedTunnel): readonly Want[] {
    const wants = [...shared.wants];
    this.#shared.delete(shared.tunnel);
    for (const want of wants) want.shared = undefined;
    this.#closeTunnel(shared.tunnel);
    return wants;
  }

  /** Cuts what still drains for a want. */
  cutDraining(want: Want): void {
    for (const tunnel of want.draining) this.#closeTunnel(tunnel);
  }

  /** Stops listening everywhere; resolves when the last connection has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.all.map((tunnel) => tunnel.drain()));
  }

  /** Ends everything now. */
  close(): void {
    for (const tunnel of this.all) this.#closeTunnel(tunnel);
    for (const stop of this.#evidenceTimers.values()) stop();
    this.#evidenceTimers.clear();
  }

  #change(shared: SharedTunnel, { want, plan, digest }: { readonly want: Want; readonly plan: TunnelPlan; readonly digest: string }): void {
    if (want.shared !== shared) this.detach(want);
    shared.wants.add(want);
    want.shared = shared;
    shared.digest = digest;
    shared.tunnel.reconfigure(plan);
    this.#rememberPort(want, shared.tunnel);
    // This change may have mended what kept other tunnels from joining the port.
    for (const { tunnel } of this.#shared.values()) tunnel.tryAgain();
    for (const other of shared.wants) other.trouble = undefined;
  }

  async #open(want: Want, plan: TunnelPlan, digest: string): Promise<void> {
    const tunnel = new Tunnel(plan, {
      ...this.#options.tunnel,
      ports: this.#ports,
      ways: this.#ways,
      nodeMemory: {
        nodesOf: ({ configPath = "", name }) => this.#memory.nodesOf({ configPath, name }),
        keepNodes: ({ configPath = "", name }, nodes) => this.#memory.keepNodes({ configPath, name }, nodes),
        claim: (address) => this.#claim(address),
      },
      isOwnSocket: (path) => this.#memory.isOwnSocket(path),
      observer: {
        listening: () => this.#onListening(tunnel),
        bindFailed: (_, error) => this.#options.observer.bindFailed(tunnel, error),
        released: () => this.#memory.removedSocket(tunnel.listen),
        changed: (_, what) => this.#onChanged(tunnel, what),
        event: (_, event) => this.#options.observer.event(tunnel.plan.name, event, tunnel.plan.configPath),
      },
    });
    const shared: SharedTunnel = { tunnel, digest, wants: new Set([want]) };
    want.shared = shared;
    this.#shared.set(tunnel, shared);
    const inherited = this.#claim(plan.listen);
    await (inherited ? tunnel.adopt(inherited) : tunnel.open());
  }

  #onListening(tunnel: Tunnel): void {
    void this.#memory.madeSocket(tunnel.listen);
    for (const want of this.#shared.get(tunnel)?.wants ?? []) this.#rememberPort(want, tunnel);
    this.#options.observer.listening(tunnel);
  }

  #rememberPort(want: Want, tunnel: Tunnel): void {
    if (tunnel.isOpen && want.entry && asksForAnyPort(want.entry.listen)) void this.#memory.keepPort(want.ref, tunnel.listen);
  }

  #onChanged(tunnel: Tunnel, what: "state" | "evidence"): void {
    const tell = (): void => {
      this.#evidenceTimers.get(tunnel)?.();
      this.#evidenceTimers.delete(tunnel);
      const last = this.#draining.get(tunnel);
      for (const want of this.#shared.get(tunnel)?.wants ?? (last ? [last] : [])) this.#options.observer.changed(want);
    };
    if (what === "state") tell();
    else if (!this.#evidenceTimers.has(tunnel)) this.#evidenceTimers.set(tunnel, (this.#options.tunnel.after ?? machineAfter)(EVIDENCE_MS, tell));
  }

  #letGo(tunnel: Tunnel, last: Want): void {
    this.#shared.delete(tunnel);
    if (tunnel.connectionCount === 0) {
      this.#closeTunnel(tunnel);
      return;
    }
    this.#draining.set(tunnel, last);
    last.draining.add(tunnel);
    void tunnel.drain().then(() => {
      this.#draining.delete(tunnel);
      last.draining.delete(tunnel);
      this.#closeTunnel(tunnel);
      this.#options.observer.drained(last);
    });
  }

  #closeTunnel(tunnel: Tunnel): void {
    this.#evidenceTimers.get(tunnel)?.();
    this.#evidenceTimers.delete(tunnel);
    tunnel.close();
  }

  #claim(listen: ResolvedAddress): Inherited | undefined {
    const index = this.#inherited.findIndex((one) => formatAddress(one.address) === formatAddress(listen));
    return index < 0 ? undefined : this.#inherited.splice(index, 1)[0];
  }

  /** Which tunnel has the address that `plan` wants. Servers share a port, as their keys tell them apart: only the want's own server is in the way. */
  #rivalOf(want: Want, plan: TunnelPlan): SharedTunnel | undefined {
    const own = want.shared;
    if (own && overlaps(own.tunnel.listen, plan.listen)) return own;
    const rival = this.#listeningAt(plan.listen);
    return rival?.tunnel.plan.role === "server" && plan.role === "server" && formatAddress(rival.tunnel.listen) === formatAddress(plan.listen)
      ? undefined
      : rival;
  }

  #listeningAt(listen: ResolvedAddress): SharedTunnel | undefined {
    return [...this.#shared.values()].find((shared) => overlaps(shared.tunnel.listen, listen));
  }
}

/**
 * Whether another server entry of the same file runs as this tunnel. Two entries that become alike (a key file copied
 * over the wrong one, or halfway through an exchange of keys) are a mistake: it must be reported, and the two must run
 * apart again once it is mended.
 */
function isTwin({ wants }: SharedTunnel, want: Want, { role }: TunnelPlan): boolean {
  return role === "server" && [...wants].some((other) => other !== want && other.ref.configPath === want.ref.configPath);
}

/** Whether a tunnel listens where `listen` says, or `listen` leaves the port open. */
function mayServe(tunnel: Tunnel, listen: ResolvedAddress): boolean {
  if (listen.kind === "tcp" && listen.port === 0) return true;
  return [tunnel.listen, tunnel.plan.listen].some((address) => formatAddress(address) === formatAddress(listen));
}

/** A tunnel keeps its listener when only what is behind it changes. */
function canChangeInto(tunnel: Tunnel, plan: TunnelPlan): boolean {
  return tunnel.plan.role === plan.role && formatAddress(tunnel.listen) === formatAddress(plan.listen);
}

/** Whether both can't be bound at once: :: takes the port at every address (Node binds it for both families), 0.0.0.0 at every IPv4 address. */
function overlaps(a: ResolvedAddress, b: ResolvedAddress): boolean {
  if (a.kind === "unix" || b.kind === "unix") return formatAddress(a) === formatAddress(b);
  if (a.port !== b.port || a.port === 0) return false;
  const hosts = [a.host, b.host];
  return a.host === b.host || hosts.includes("::") || (hosts.includes("0.0.0.0") && !hosts.some((host) => host.includes(":")));
}

function asksForAnyPort(listen: string | number): boolean {
  return listen === 0 || (typeof listen === "string" && /:0+$/.test(listen));
}
