/**
 * How much may be wanted. Our choices; docs/RPC.md tells them to those who write a
 * client. Every tunnel that is wanted is looked at with each change, and what comes
 * of it is told to all clients: one that wants without bound would stop them all.
 */
import { TunnelError } from "../../shared/errors.ts";
import { type DaemonState, sameRef, type TunnelRef } from "./daemon-state.ts";
import type { Holder, Want } from "./want.ts";

/** Leases of one client, each tunnel counted for each scope. A window has a few for each of its folders. */
export const MAX_LEASES = 2_000;
/** Pins of all: each is a tunnel that opens with every start of the daemon. */
export const MAX_PINS = 2_000;

/** What a client asks for beside what it has. */
export interface AddedLeases {
  readonly scope: string;
  readonly count: number;
  /** They take the place of those that it has for the scope. */
  readonly replaces: boolean;
}

/** @throws TunnelError LIMIT_REACHED when `holder` would have more than {@link MAX_LEASES} */
export function assertLeaseRoom(wants: Iterable<Want>, holder: Holder, { scope, count, replaces }: AddedLeases): void {
  let sum = count;
  for (const { leases } of wants) {
    const scopes = leases.get(holder);
    if (scopes) sum += scopes.size - (replaces && scopes.has(scope) ? 1 : 0);
  }
  if (sum > MAX_LEASES) throw new TunnelError("LIMIT_REACHED", `a client may want ${MAX_LEASES} tunnels at once, not ${sum}: give some up first`);
}

/** @throws TunnelError LIMIT_REACHED when one more pin would be more than {@link MAX_PINS} */
export function assertPinRoom({ pins }: DaemonState, ref: TunnelRef): void {
  if (pins.length < MAX_PINS || pins.some((pin) => sameRef(pin, ref))) return;
  throw new TunnelError("LIMIT_REACHED", `${MAX_PINS} tunnels are pinned already: "tunneld down" takes pins back`);
}
