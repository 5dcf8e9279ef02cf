/**
 * One tunnel as somebody wants it: who holds a lease, whether it is pinned or was
 * closed by the user, what keeps it from being open, and what runs or drains for
 * it. Plain state: the manager and its parts change it.
 */
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import type { FailureStatus, TunnelState, TunnelUser } from "../../shared/contract/state.ts";
import { createId, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { TunnelError } from "../../shared/errors.ts";
import type { Tunnel } from "./tunnel.ts";

/** What stands in the way of opening a tunnel. */
export interface Trouble {
  readonly state: Extract<TunnelState, "closed" | "waiting-for-key" | "not-approved" | "port-busy">;
  readonly error: TunnelError;
}

/** A client of the daemon, as far as tunnels are concerned. */
export interface Holder {
  readonly user: TunnelUser;
  /** How long its tunnels stay after it is gone. */
  readonly lingerMs: number;
}

/** What is approved and wanted of an entry now. */
export interface Approved {
  readonly digest: string;
  readonly facts: ApprovalFacts;
}

/** See the file's header. */
export class Want {
  readonly ref: TunnelRef;
  readonly id: string;
  /** Leases: who, and for which scopes. */
  readonly leases = new Map<Holder, Set<string>>();
  pinned = false;
  closedByUser = false;
  /** keepOpen: the tunnel stays open after the last lease has ended, until the user closes it. */
  kept = false;
  /** Ends the linger under way. */
  endLinger: (() => void) | undefined;
  /** When the linger ends, by the monotonic clock: a short lease in between does not shorten a longer linger. */
  lingerUntilMs = 0;
  entry: TunnelEntry | undefined;
  approved: Approved | undefined;
  /** The digest that approval was asked for; each is asked for once. */
  askedDigest: string | undefined;
  shared: SharedTunnel | undefined;
  /** Tunnels that no longer listen for this want, but have connections that began while they did. */
  readonly draining = new Set<Tunnel>();
  trouble: (Trouble & { readonly failure: FailureStatus; readonly sinceMs: number }) | undefined;
  /** When it last had neither a tunnel nor trouble, wall clock. */
  idleSinceMs: number;
  /** Reconciliations of one want never overlap. */
  turn: Promise<void> = Promise.resolve();

  constructor(ref: TunnelRef, nowMs: number) {
    this.ref = ref;
    this.id = createId(ref);
    this.idleSinceMs = nowMs;
  }

  /** Whether it should be open. */
  get isWanted(): boolean {
    return !this.closedByUser && (this.leases.size > 0 || this.pinned || this.kept || this.endLinger !== undefined);
  }

  /** Whether anything is left to remember about it. */
  get isForgotten(): boolean {
    const isHeld = this.leases.size > 0 || this.pinned || this.kept || this.endLinger !== undefined;
    return !isHeld && this.shared === undefined && this.draining.size === 0;
  }
}

/** A running tunnel and the wants that share it: the same definition in two workspaces is one tunnel. */
export interface SharedTunnel {
  readonly tunnel: Tunnel;
  /** Changes when the tunnel is reconfigured in place. */
  digest: string;
  readonly wants: Set<Want>;
}
