/**
 * Desired against actual: clients state what they want, pins add to it, and every
 * change (a lease, a file, a key, an approval) leads to one tunnel being made what
 * it should be. Live connections are never cut by that: a tunnel that is not
 * wanted any more drains. The front of leases.ts (who wants what), reconciler.ts
 * (what should be) and tunnel-pool.ts (what runs).
 */

import { formatAddress } from "../../shared/address.ts";
import type { LogEntry } from "../../shared/contract/methods.ts";
import type { TunnelStatus, TunnelUser } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import type { Clock } from "../proxy/stats.ts";
import { machineAfter } from "./after.ts";
import { refKey, type StateStore, sameRef, type TunnelRef } from "./daemon-state.ts";
import { isKept, Leases, othersUsing } from "./leases.ts";
import { assertLeaseRoom, assertPinRoom } from "./limits.ts";
import type { ApprovalSource, ConfigSource, Planned, Planner } from "./planned.ts";
import { type Probed, probeTunnel } from "./probe-tunnel.ts";
import { Reconciler } from "./reconciler.ts";
import { describe } from "./status.ts";
import type { Inherited, Tunnel } from "./tunnel.ts";
import { type TunnelParts, TunnelPool } from "./tunnel-pool.ts";
import { type Holder, Want } from "./want.ts";

/** What the manager is given. */
export interface ManagerContext {
  readonly tunnel: TunnelParts;
  readonly clock: Clock;
  readonly configs: ConfigSource;
  readonly planner: Planner;
  readonly approvals: ApprovalSource;
  readonly store: StateStore;
  readonly observer: ManagerObserver;
}

/** Something for the log. */
export type Remark = Pick<LogEntry, "level" | "message" | "code"> & { readonly tunnel: string };

/** Who is told; calls are synchronous and must not throw. */
export interface ManagerObserver {
  changed(status: TunnelStatus): void;
  removed(id: string): void;
  approvalNeeded(planned: Planned): void;
  event(name: string, event: ForwarderEvent): void;
  /** Where a tunnel listens, or why it is not open; once for each reason. */
  remark?(remark: Remark): void;
  /** A client came or went, a connection ended: something idle-exit may care about. */
  activity(): void;
}

/** See the file's header. Owns all tunnels: `shutdown`. */
export class Manager {
  readonly #context: ManagerContext;
  readonly #wants = new Map<string, Want>();
  readonly #leases: Leases;
  readonly #pool: TunnelPool;
  readonly #reconciler: Reconciler;

  constructor(context: ManagerContext) {
    const { observer, clock } = context;
    this.#context = context;
    this.#leases = new Leases({ clock, after: context.tunnel.after ?? machineAfter, onLingered: (want) => void this.#reconcile(want) });
    this.#pool = new TunnelPool({
      tunnel: context.tunnel,
      store: context.store,
      observer: {
        changed: (want) => this.#announce(want),
        drained: (want) => this.#onDone(want),
        freed: () => void this.refresh((ref) => this.#wants.get(refKey(ref))?.trouble?.state === "port-busy"),
        event: (name, event) => {
          observer.event(name, event);
          if (event.type === "closed") observer.activity();
        },
        listening: ({ plan, listen }) => observer.remark?.({ level: "info", tunnel: plan.name, message: `listens at ${formatAddress(listen)}` }),
        bindFailed: ({ plan }, { code, message }) => observer.remark?.({ level: "warn", tunnel: plan.name, message: `${message} (trying again)`, code }),
      },
    });
    this.#reconciler = new Reconciler({
      ...context,
      pool: this.#pool,
      onDone: (want) => this.#onDone(want),
      onTrouble: ({ ref }, { code, message }) => observer.remark?.({ level: "warn", tunnel: ref.name, message, code }),
      onApprovalNeeded: (planned) => observer.approvalNeeded(planned),
    });
  }

  /** Re-opens what is pinned, and what the daemon before us `kept`; `inherited` listeners are used where their addresses are wanted, until `closeUnclaimed`. */
  async start(inherited: readonly Inherited[] = [], kept: readonly TunnelRef[] = []): Promise<void> {
    this.#pool.inherit(inherited);
    for (const ref of kept) this.#want(ref).kept = true;
    for (const ref of this.#context.store.state.pins) this.#want(ref).pinned = true;
    await Promise.all([...this.#wants.values()].map((want) => this.#reconcile(want)));
  }

  /** What stays open without anybody's lease, for a hand-over: no state file knows of it. */
  get kept(): TunnelRef[] {
    return [...this.#wants.values()].filter((want) => !want.closedByUser && isKept(want)).map(({ ref }) => ref);
  }

  /** Listeners nobody has asked for are closed. */
  closeUnclaimed(): void {
    this.#pool.closeUnclaimed();
  }

  /** Connections, pins and leases: whether the daemon has a reason to live. */
  get isIdle(): boolean {
    return ![...this.#wants.values()].some((want) => want.isWanted) && this.openConnections === 0;
  }

  get openConnections(): number {
    return this.#pool.all.reduce((sum, tunnel) => sum + tunnel.forwarder.connections.size, 0);
  }

  /** All running tunnels with where they listen, for a hand-over. */
  get running(): readonly Tunnel[] {
    return this.#pool.running;
  }

  list(): TunnelStatus[] {
    return [...this.#wants.values()].map((want) => this.#status(want));
  }

  /**
   * Replaces what `holder` wants for `scope`.
   * @throws TunnelError LIMIT_REACHED, and then nothing has changed
   */
  async set(holder: Holder, wanted: { readonly scope: string; readonly configPath: string; readonly names: readonly string[] }): Promise<TunnelStatus[]> {
    assertLeaseRoom(this.#wants.values(), holder, { scope: wanted.scope, count: new Set(wanted.names).size, replaces: true });
    const now = new Set(wanted.names.map((name) => refKey({ configPath: wanted.configPath, name })));
    for (const want of this.#wants.values()) {
      if (!now.has(refKey(want.ref))) this.#drop(want, holder, wanted.scope);
    }
    const wants = [...new Set(wanted.names)].map((name) => this.#want({ configPath: wanted.configPath, name }));
    for (const want of wants) this.#leases.add(want, holder, wanted.scope);
    await Promise.all(wants.map((want) => this.#reconcile(want)));
    await this.#saved();
    return wants.map((want) => this.#status(want));
  }

  /**
   * Takes a lease on one tunnel and opens it, even if the user had closed it.
   * @throws TunnelError LIMIT_REACHED
   */
  async open(holder: Holder, ref: TunnelRef, scope: string): Promise<TunnelStatus> {
    const known = this.#wants.get(refKey(ref))?.leases.get(holder)?.has(scope);
    if (!known) assertLeaseRoom(this.#wants.values(), holder, { scope, count: 1, replaces: false });
    const want = this.#want(ref);
    this.#setClosed(want, false);
    this.#leases.add(want, holder, scope);
    await this.#reconcile(want);
    await this.#saved();
    return this.#status(want);
  }

  /** Closes for all, also in other workspaces that share it. When somebody else uses it nothing changes without `force`: the user is asked first. */
  async close(holder: Holder, ref: TunnelRef, force: boolean): Promise<{ closed: boolean; othersUsing: TunnelUser[] }> {
    const want = this.#find(ref);
    const others = othersUsing(want, holder);
    if (others.length > 0 && !force) return { closed: false, othersUsing: others };
    want.leases.delete(holder);
    const wants = new Set([want, ...(others.length > 0 ? (want.shared?.wants ?? []) : [])]);
    for (const one of wants) {
      this.#setClosed(one, true);
      this.#leases.endLinger(one);
      one.kept = false;
    }
    await Promise.all([...wants].map((one) => this.#reconcile(one)));
    await this.#saved();
    return { closed: true, othersUsing: others };
  }

  /** Makes one connection through an open tunnel, so that its state rests on evidence; resolves when there is some, or none came. `probed`: what it showed, if one was made. */
  async probe(ref: TunnelRef): Promise<{ readonly status: TunnelStatus; readonly probed: Probed | undefined }> {
    const want = this.#find(ref);
    const tunnel = want.shared?.tunnel;
    const probed = tunnel && tunnel.plan.role === "client" ? await probeTunnel(tunnel) : undefined;
    return { status: this.#status(want), probed };
  }

  /**
   * Cuts the connections of one tunnel and opens it again.
   * @throws TunnelError why it can't be opened as it stands; then nothing is cut
   */
  async restart(ref: TunnelRef): Promise<TunnelStatus> {
    const want = this.#find(ref);
    await this.#reconciler.check(want);
    this.#setClosed(want, false);
    this.#pool.cutDraining(want);
    const wants = want.shared ? this.#pool.cut(want.shared) : [want];
    await Promise.all(wants.map((other) => this.#reconcile(other)));
    return this.#status(want);
  }

  /**
   * Keeps a tunnel open whatever clients come and go, also after a restart of the daemon.
   * @throws TunnelError LIMIT_REACHED
   */
  async pin(ref: TunnelRef): Promise<TunnelStatus> {
    assertPinRoom(this.#context.store.state, ref);
    const want = this.#want(ref);
    this.#setClosed(want, false);
    want.pinned = true;
    want.askedDigest = undefined;
    await this.#reconcile(want);
    const digest = want.approved?.facts.digest;
    this.#context.store.update((state) => {
      const pin = { configPath: ref.configPath, name: ref.name, ...(digest !== undefined && { digest }) };
      state.pins = [...state.pins.filter((other) => !sameRef(other, ref)), pin];
    });
    await this.#saved();
    return this.#status(want);
  }

  /** Takes a pin back; false if there was none. */
  async unpin(ref: TunnelRef): Promise<boolean> {
    const want = this.#wants.get(refKey(ref));
    const pinned = this.#context.store.state.pins.some((pin) => sameRef(pin, ref));
    if (pinned) {
      this.#context.store.update((state) => {
        state.pins = state.pins.filter((pin) => !sameRef(pin, ref));
      });
    }
    if (want) {
      want.pinned = false;
      await this.#reconcile(want);
    }
    await this.#saved();
    return pinned;
  }

  /** A client's connection has ended: its leases end, after its linger. */
  release(holder: Holder): void {
    for (const want of this.#wants.values()) this.#drop(want, holder);
    this.#context.observer.activity();
  }

  /** A file, a key or an approval has changed: look at every tunnel `concerns` says it may concern. */
  async refresh(concerns: (ref: TunnelRef) => boolean): Promise<void> {
    await Promise.all([...this.#wants.values()].filter((want) => concerns(want.ref)).map((want) => this.#reconcile(want)));
  }

  /** An approval was taken back: the tunnel closes, whatever it carries, and stays so until it is approved again. */
  async evict(ref: TunnelRef): Promise<void> {
    const want = this.#wants.get(refKey(ref));
    if (!want) return;
    this.#pool.detach(want);
    this.#pool.cutDraining(want);
    await this.#reconcile(want);
  }

  /** Whether any tunnel of this file is known here. */
  uses(configPath: string): boolean {
    return [...this.#wants.values()].some((want) => want.ref.configPath === configPath);
  }

  /** After sleep or a change of network. */
  wake(): void {
    for (const tunnel of this.#pool.all) tunnel.wake();
  }

  /** Opens nothing new; resolves when the last connection has ended. */
  async drain(): Promise<void> {
    this.#reconciler.stop();
    await this.#pool.drain();
  }

  /** Ends everything now. */
  shutdown(): void {
    this.#reconciler.stop();
    this.#pool.close();
    this.#pool.closeUnclaimed();
    for (const want of this.#wants.values()) this.#leases.endLinger(want);
  }

  #want(ref: TunnelRef): Want {
    const key = refKey(ref);
    const known = this.#wants.get(key);
    if (known) return known;
    const want = new Want({ configPath: ref.configPath, name: ref.name }, this.#context.clock.wallMs());
    want.closedByUser = this.#context.store.state.closed.some((closed) => sameRef(closed, ref));
    this.#wants.set(key, want);
    return want;
  }

  #find(ref: TunnelRef): Want {
    const want = this.#wants.get(refKey(ref));
    if (!want) throw new TunnelError("CONFIG_INVALID", `no tunnel "${ref.name}" of ${ref.configPath} is known here: open it first`);
    return want;
  }

  #drop(want: Want, holder: Holder, scope?: string): void {
    if (this.#leases.drop(want, holder, scope)) this.#announce(want);
  }

  #setClosed(want: Want, closed: boolean): void {
    if (want.closedByUser === closed) return;
    want.closedByUser = closed;
    this.#context.store.update((state) => {
      state.closed = state.closed.filter((ref) => !sameRef(ref, want.ref));
      if (closed) state.closed.push(want.ref);
    });
  }

  /** What was asked for outlives us from the moment it is answered: a pin, a port picked, a tunnel closed. */
  async #saved(): Promise<void> {
    await this.#context.store.saved?.();
  }

  #reconcile(want: Want): Promise<void> {
    return this.#reconciler.run(want);
  }

  /** Tells what has become of a want, and forgets it if nothing is left of it. */
  #onDone(want: Want): void {
    if (this.#wants.get(refKey(want.ref)) !== want) return;
    this.#announce(want);
    if (!want.isForgotten) return;
    this.#wants.delete(refKey(want.ref));
    if (!this.uses(want.ref.configPath)) this.#context.configs.release(want.ref.configPath);
    this.#context.observer.removed(want.id);
    this.#context.observer.activity();
  }

  #announce(want: Want): void {
    this.#context.observer.changed(this.#status(want));
  }

  #status(want: Want): TunnelStatus {
    want.shared?.tunnel.look();
    return describe(want);
  }
}
