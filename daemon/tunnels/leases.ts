/**
 * Who wants a tunnel, and how long after they are gone it stays: a lease ends
 * with its client's connection, and then the tunnel lingers, so that a window
 * that only reloads finds it as it was.
 */
import type { TunnelUser } from "../../shared/contract/state.ts";
import type { Clock } from "../proxy/stats.ts";
import type { After } from "./after.ts";
import type { Holder, Want } from "./want.ts";

/** Clients that do one thing and end: keepOpen is for windows. */
const PASSING: readonly string[] = ["exec", "cli"];

/** What leases need; `onLingered` is called when a linger is over. */
export interface LeaseOptions {
  readonly clock: Clock;
  readonly after: After;
  readonly onLingered: (want: Want) => void;
}

/** See the file's header. */
export class Leases {
  readonly #options: LeaseOptions;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  add(want: Want, holder: Holder, scope: string): void {
    const scopes = want.leases.get(holder) ?? new Set<string>();
    want.leases.set(holder, scopes.add(scope));
    // Somebody new has not been asked yet.
    want.askedDigest = undefined;
    this.endLinger(want);
  }

  /** Ends a lease for one scope, or, without one, for all; true if `holder` had it. */
  drop(want: Want, holder: Holder, scope?: string): boolean {
    const scopes = want.leases.get(holder);
    if (!scopes || (scope !== undefined && !scopes.delete(scope))) return false;
    if (scope !== undefined && scopes.size > 0) return true;
    want.leases.delete(holder);
    const { clock, after, onLingered } = this.#options;
    const nowMs = clock.monotonicMs();
    want.lingerUntilMs = Math.max(want.lingerUntilMs, nowMs + holder.lingerMs);
    if (want.leases.size > 0) return true;
    if (keeps(want, holder)) want.kept = true;
    if (want.pinned || want.kept) return true;
    this.endLinger(want);
    want.endLinger = after(want.lingerUntilMs - nowMs, () => {
      want.endLinger = undefined;
      onLingered(want);
    });
    return true;
  }

  endLinger(want: Want): void {
    want.endLinger?.();
    want.endLinger = undefined;
  }
}

/** Whether it stays open when its clients are gone: one of them may go in the very moment of a hand-over. */
export function isKept(want: Want): boolean {
  return want.kept || [...want.leases.keys()].some((holder) => keeps(want, holder));
}

function keeps({ entry, shared }: Want, holder: Holder): boolean {
  return entry?.keepOpen === true && shared !== undefined && !PASSING.includes(holder.user.kind);
}

/** The users of a tunnel, over all who share it, without `holder`; each once. */
export function othersUsing(want: Want, holder: Holder): TunnelUser[] {
  const wants = new Set([want, ...(want.shared?.wants ?? [])]);
  const others = new Set([...wants].flatMap((one) => [...one.leases.keys()]));
  others.delete(holder);
  return [...others].map(({ user }) => user);
}
