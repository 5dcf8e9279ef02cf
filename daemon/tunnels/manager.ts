/**
 * Desired against actual: clients state what they want, pins add to it, and every
 * change (a lease, a file, a key, an approval) brings a tunnel to the state that
 * it should have. This never cuts live connections: a tunnel that is no longer
 * wanted drains. The manager is the front of leases.ts (who wants what),
 * reconciler.ts (what should be) and tunnel-pool.ts (what runs).
 */

import type * as net from "node:net";
import { type Address, formatAddress } from "../../shared/address.ts";
import type { LogEntry } from "../../shared/contract/methods.ts";
import type { TunnelStatus, TunnelUser } from "../../shared/contract/state.ts";
import { refKey, sameRef, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import { type Clock, machineAfter } from "../../shared/time.ts";
import type { ConfigSource } from "../config/config-source.ts";
import type { Begun } from "../protocol/wire.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { notSaved, type StateStore } from "./daemon-state.ts";
import { assertLeaseRoom, assertPinRoom, isKept, Leases, othersUsing } from "./leases.ts";
import type { ApprovalSource, Planned, Planner } from "./plan.ts";
import { type Probed, probeTunnel } from "./probe-tunnel.ts";
import { Reconciler } from "./reconciler.ts";
import { withClosed, withoutClosed, withoutPin, withPin, withPinDigest } from "./state-changes.ts";
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
export type Remark = Pick<LogEntry, "level" | "message" | "code" | "configPath"> & {
  readonly tunnel: string;
  /** A key was loaded anew: worth a line even where only trouble is logged. */
  readonly isKeyNews?: boolean;
};

/** Who is told; calls are synchronous and must not throw. */
export interface ManagerObserver {
  changed(status: TunnelStatus): void;
  removed(id: string): void;
  approvalNeeded(planned: Planned): void;
  event(name: string, event: ForwarderEvent, configPath?: string): void;
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
        event: (name, event, file) => {
          observer.event(name, event, file);
          if (event.type === "closed") observer.activity();
        },
        listening: ({ plan, listen }) => observer.remark?.({ level: "info", ...named(plan), message: `listens at ${formatAddress(listen)}` }),
        rekeyed: ({ plan }, keys) => {
          for (const key of keys) observer.remark?.({ level: "info", ...named(plan), message: rekeyedText(key), isKeyNews: true });
        },
        bindFailed: ({ plan }, { code, message }) => observer.remark?.({ level: "warn", ...named(plan), message: `${message} (trying again)`, code }),
      },
    });
    this.#reconciler = new Reconciler({
      ...context,
      pool: this.#pool,
      onDone: (want) => this.#onDone(want),
      onTrouble: ({ ref }, { code, message }) => observer.remark?.({ level: "warn", ...named(ref), message, code }),
      onApprovalNeeded: (planned) => observer.approvalNeeded(planned),
    });
  }

  /**
   * Re-opens pinned tunnels and those that the previous daemon `kept`; `inherited` listeners are used where their
   * addresses are wanted, until `closeUnclaimed`.
   */
  async start(inherited: readonly Inherited[] = [], kept: readonly TunnelRef[] = []): Promise<void> {
    this.#pool.inherit(inherited);
    for (const ref of kept) this.#want(ref).kept = true;
    for (const ref of this.#context.store.state.pins) this.#want(ref).pinned = true;
    await Promise.all([...this.#wants.values()].map((want) => this.#reconcile(want)));
  }

  /** Tunnels that stay open without a lease, for a hand-over: no state file lists them. */
  get kept(): TunnelRef[] {
    return [...this.#wants.values()].filter((want) => !want.closedByUser && isKept(want)).map(({ ref }) => ref);
  }

  /** Closes inherited listeners that nobody has asked for. */
  closeUnclaimed(): void {
    this.#pool.closeUnclaimed();
  }

  /** Connections, pins and leases: whether the daemon has a reason to live. */
  get isIdle(): boolean {
    return ![...this.#wants.values()].some((want) => want.isWanted) && this.openConnections === 0;
  }

  get openConnections(): number {
    return this.#pool.all.reduce((sum, tunnel) => sum + tunnel.connectionCount, 0);
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
   * @throws TunnelError LIMIT_REACHED, and then nothing has changed; STATE_NOT_SAVED, see {@link #remembered}
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
    await Promise.all(wants.map((want) => this.#remembered(want)));
    return wants.map((want) => this.#status(want));
  }

  /**
   * Takes a lease on one tunnel and opens it, even if the user had closed it.
   * @throws TunnelError LIMIT_REACHED; STATE_NOT_SAVED, and then it stays closed, or see {@link #remembered}
   */
  async open(holder: Holder, ref: TunnelRef, scope: string): Promise<TunnelStatus> {
    const known = this.#wants.get(refKey(ref))?.leases.get(holder)?.has(scope);
    if (!known) assertLeaseRoom(this.#wants.values(), holder, { scope, count: 1, replaces: false });
    await this.#reopen(ref);
    const want = this.#want(ref);
    this.#leases.add(want, holder, scope);
    await this.#reconcile(want);
    await this.#remembered(want);
    return this.#status(want);
  }

  /**
   * Closes the tunnel for everyone, also in other workspaces that share it. If somebody else uses it, nothing changes
   * without `force`: the user is asked first. Live connections go on to their end, or are cut with `cut`.
   * @throws TunnelError CONFIG_INVALID when it is not known; STATE_NOT_SAVED when it is closed, but only until the daemon ends
   */
  async close(holder: Holder, ref: TunnelRef, force: boolean, cut = false): Promise<{ closed: boolean; othersUsing: TunnelUser[] }> {
    if (!this.#wants.has(refKey(ref))) await this.#closedForGood(ref);
    const want = this.#find(ref);
    const others = othersUsing(want, holder);
    if (others.length > 0 && !force) return { closed: false, othersUsing: others };
    want.leases.delete(holder);
    const wants = new Set([want, ...(others.length > 0 ? (want.shared?.wants ?? []) : [])]);
    const refs = [...wants].map((one) => one.ref);
    const saved = this.#context.store.update((state) => withClosed(state, refs), { isTaken: true });
    for (const one of wants) {
      one.closedByUser = true;
      this.#leases.endLinger(one);
      one.kept = false;
    }
    await Promise.all([...wants].map((one) => this.#reconcile(one)));
    if (cut) for (const one of wants) this.#pool.cutDraining(one);
    await saved;
    await this.#closedForGood(ref);
    return { closed: true, othersUsing: others };
  }

  /**
   * Makes one connection through an open tunnel, so that its state rests on evidence; resolves when there is evidence,
   * or none came in time. `probed`: what the connection showed, if one was made.
   */
  async probe(ref: TunnelRef): Promise<{ readonly status: TunnelStatus; readonly probed: Probed | undefined }> {
    const want = this.#find(ref);
    const tunnel = want.shared?.tunnel;
    const probed = tunnel && tunnel.plan.role === "client" ? await probeTunnel(tunnel) : undefined;
    return { status: this.#status(want), probed };
  }

  /**
   * Cuts the connections of one tunnel and opens it again.
   * @throws TunnelError why it can't be opened as it stands; then nothing is cut. STATE_NOT_SAVED: the same, or see {@link #remembered}
   */
  async restart(ref: TunnelRef): Promise<TunnelStatus> {
    const want = this.#find(ref);
    await this.#reconciler.check(want);
    await this.#reopen(ref);
    this.#pool.cutDraining(want);
    const wants = want.shared ? this.#pool.cut(want.shared) : [want];
    await Promise.all(wants.map((other) => this.#reconcile(other)));
    await this.#remembered(want);
    return this.#status(want);
  }

  /**
   * Keeps a tunnel open whatever clients come and go, also after a restart of the daemon.
   * @throws TunnelError LIMIT_REACHED or STATE_NOT_SAVED, and then it is not pinned; STATE_NOT_SAVED, see {@link #remembered}
   */
  async pin(ref: TunnelRef): Promise<TunnelStatus> {
    const { store } = this.#context;
    assertPinRoom(store.state, ref);
    const unsaved = await store.commit((state) => withPin(state, ref));
    if (unsaved) throw notSaved(message("{0} was not pinned", quote(ref.name)), unsaved);
    // Other requests may have run in between: they may have taken the last free places, or taken this pin back.
    assertPinRoom(store.state, ref);
    const want = this.#want(ref);
    this.#look(want);
    want.askedDigest = undefined;
    await this.#reconcile(want);
    await this.#remembered(want);
    return this.#status(want);
  }

  /**
   * Takes a pin back; false if there was none.
   * @throws TunnelError STATE_NOT_SAVED when it is taken back, but only until the daemon ends
   */
  async unpin(ref: TunnelRef): Promise<boolean> {
    const { store } = this.#context;
    const pinned = store.state.pins.some((pin) => sameRef(pin, ref));
    const saved = store.update((state) => withoutPin(state, ref), { isTaken: true });
    const want = this.#wants.get(refKey(ref));
    if (want) {
      this.#look(want);
      await this.#reconcile(want);
    }
    const unsaved = await saved;
    if (unsaved) throw notSaved(message("{0} is no longer pinned, but only until the daemon ends", quote(ref.name)), unsaved);
    return pinned;
  }

  /** A client's connection has ended: its leases end, after its linger. */
  release(holder: Holder): void {
    for (const want of this.#wants.values()) this.#drop(want, holder);
    this.#context.observer.activity();
  }

  /** A file, a key or an approval has changed: checks every tunnel that `concerns` selects. */
  async refresh(concerns: (ref: TunnelRef) => boolean): Promise<void> {
    await Promise.all([...this.#wants.values()].filter((want) => concerns(want.ref)).map((want) => this.#reconcile(want)));
  }

  /** An approval was taken back: the tunnel closes, even with live connections, and stays closed until it is approved again. */
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

  /** Goes on with a connection that a successor has accepted at `port`: its client asks for a session of this process. */
  takeBack(wire: net.Socket, port: Address, begun: Begun): void {
    const tunnel = this.#pool.all.find(({ plan, listen }) => plan.role === "server" && formatAddress(listen) === formatAddress(port));
    if (tunnel) tunnel.forwarder.takeBack(wire, begun);
    else wire.destroy();
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
    this.#look(want);
    this.#wants.set(key, want);
    return want;
  }

  #find(ref: TunnelRef): Want {
    const want = this.#wants.get(refKey(ref));
    if (!want) throw new TunnelError("CONFIG_INVALID", message('no tunnel "{0}" of {1} is known here: open it first', ref.name, ref.configPath));
    return want;
  }

  #drop(want: Want, holder: Holder, scope?: string): void {
    if (this.#leases.drop(want, holder, scope)) this.#announce(want);
  }

  /** Undoes the user's close: @throws TunnelError STATE_NOT_SAVED, and then it stays closed. */
  async #reopen(ref: TunnelRef): Promise<void> {
    const unsaved = await this.#context.store.commit((state) => withoutClosed(state, ref));
    if (unsaved) throw notSaved(message("{0} was not opened", quote(ref.name)), unsaved);
    const want = this.#wants.get(refKey(ref));
    if (want) this.#look(want);
  }

  /** @throws TunnelError STATE_NOT_SAVED when the user has closed it, which holds only until the daemon ends */
  async #closedForGood(ref: TunnelRef): Promise<void> {
    const { store } = this.#context;
    if (!store.state.closed.some((closed) => sameRef(closed, ref))) return;
    const unsaved = await store.update((state) => withClosed(state, [ref]), { isTaken: true });
    if (unsaved) throw notSaved(message("{0} is closed, but only until the daemon ends", quote(ref.name)), unsaved);
  }

  /** Copies what the state says about a want: the state may have changed while something was written. */
  #look(want: Want): void {
    const { closed, pins } = this.#context.store.state;
    want.closedByUser = closed.some((ref) => sameRef(ref, want.ref));
    want.pinned = pins.some((ref) => sameRef(ref, want.ref));
  }

  /**
   * Before a request is answered, what it brought about must be able to outlive us: the port that was picked, the
   * socket that we made.
   * @throws TunnelError STATE_NOT_SAVED: it is open, but where it listens is only remembered until the daemon ends
   */
  async #remembered(want: Want): Promise<void> {
    const { ref, approved } = want;
    const digest = approved?.facts.digest;
    const pin = this.#context.store.update((state) => withPinDigest(state, ref, digest));
    const unsaved = await this.#pool.remembered(want);
    // A pin counts even if its digest could not be saved.
    await pin;
    if (unsaved) throw notSaved(message("{0} is open, but where it listens is only remembered until the daemon ends", quote(ref.name)), unsaved);
  }

  #reconcile(want: Want): Promise<void> {
    return this.#reconciler.run(want);
  }

  /** Reports what a want has come to, and forgets the want if nothing is left of it. */
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

function rekeyedText({ source, fingerprint }: { readonly source: string; readonly fingerprint: string }): string {
  return `took up the key ${plainText(source, { maxLength: 400 })} anew: new connections use it (fingerprint ${fingerprint})`;
}

/** Which tunnel a line of the log is about. */
function named({ name, configPath }: { readonly name: string; readonly configPath?: string }): Pick<Remark, "tunnel" | "configPath"> {
  return { tunnel: name, ...(configPath !== undefined && { configPath }) };
}
