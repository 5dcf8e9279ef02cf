/**
 * Which clients want a tunnel, and how long it stays after they are gone: a lease
 * ends with its client's connection, and the tunnel then lingers, so that a window
 * that only reloads finds the tunnel as it was.
 */
import type { TunnelUser } from "../../shared/contract/state.ts";
import { sameRef, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { After, Clock } from "../../shared/time.ts";
import type { DaemonState } from "./daemon-state.ts";
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

/** Whether the tunnel stays open when its clients are gone. Asks clients that are still here, too: one may go at the very moment of a hand-over. */
export function isKept(want: Want): boolean {
  return want.kept || [...want.leases.keys()].some((holder) => keeps(want, holder));
}

function keeps({ entry, shared }: Want, holder: Holder): boolean {
  return entry?.keepOpen === true && shared !== undefined && !PASSING.includes(holder.user.kind);
}

/** The users of a tunnel, over all wants that share it, without `holder`; each user once. */
export function othersUsing(want: Want, holder: Holder): TunnelUser[] {
  const wants = new Set([want, ...(want.shared?.wants ?? [])]);
  const others = new Set([...wants].flatMap((one) => [...one.leases.keys()]));
  others.delete(holder);
  return [...others].map(({ user }) => user);
}

/*
 * How much may be wanted: our choices, documented in docs/RPC.md for authors of clients. Each change makes the daemon
 * check every wanted tunnel and tell all clients the result: a client that wants without limit would stop them all.
 */

/** Leases of one client, where a tunnel counts once per scope. A window has a few for each of its folders. */
export const MAX_LEASES = 2_000;
/** Pins of all clients together: each is a tunnel that opens at every start of the daemon. */
export const MAX_PINS = 2_000;

/** What a client asks for in addition to what it has. */
export interface AddedLeases {
  readonly scope: string;
  readonly count: number;
  /** The new leases replace those that the client has for the scope. */
  readonly replaces: boolean;
}

/** @throws TunnelError LIMIT_REACHED when `holder` would have more than {@link MAX_LEASES} */
export function assertLeaseRoom(wants: Iterable<Want>, holder: Holder, { scope, count, replaces }: AddedLeases): void {
  let sum = count;
  for (const { leases } of wants) {
    const scopes = leases.get(holder);
    if (scopes) sum += scopes.size - (replaces && scopes.has(scope) ? 1 : 0);
  }
  if (sum > MAX_LEASES) throw new TunnelError("LIMIT_REACHED", message("a client may want {0} tunnels at once, not {1}: give some up first", MAX_LEASES, sum));
}

/** @throws TunnelError LIMIT_REACHED when one more pin would be more than {@link MAX_PINS} */
export function assertPinRoom({ pins }: DaemonState, ref: TunnelRef): void {
  if (pins.length < MAX_PINS || pins.some((pin) => sameRef(pin, ref))) return;
  throw new TunnelError("LIMIT_REACHED", message("{0} tunnels are pinned already", MAX_PINS), { hint: ': "tunneld down" takes pins back' });
}
