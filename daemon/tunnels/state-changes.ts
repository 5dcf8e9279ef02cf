/**
 * The changes that requests make to what the daemon remembers. Pure, as the state
 * file needs them: they return the changed state, or the same object when nothing
 * changes.
 */

import { sameRef, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { DaemonState } from "./daemon-state.ts";
import { MAX_PINS } from "./leases.ts";

/** The user has closed these. */
export function withClosed(state: DaemonState, refs: readonly TunnelRef[]): DaemonState {
  const more = refs.filter((ref) => !state.closed.some((known) => sameRef(known, ref)));
  return more.length === 0 ? state : { ...state, closed: [...state.closed, ...more] };
}

/** The user has not closed this one, or takes the close back. */
export function withoutClosed(state: DaemonState, ref: TunnelRef): DaemonState {
  const closed = without(state.closed, ref);
  return closed === state.closed ? state : { ...state, closed };
}

/** Pinned and not closed; not pinned where there is no room. */
export function withPin(state: DaemonState, ref: TunnelRef): DaemonState {
  const { configPath, name } = ref;
  const open = withoutClosed(state, ref);
  if (state.pins.some((pin) => sameRef(pin, ref)) || state.pins.length >= MAX_PINS) return open;
  return { ...open, pins: [...state.pins, { configPath, name }] };
}

/** With the digest that the pinned tunnel was opened with, if there is a pin. */
export function withPinDigest(state: DaemonState, ref: TunnelRef, digest: string | undefined): DaemonState {
  const pin = state.pins.find((one) => sameRef(one, ref));
  if (!pin || digest === undefined || pin.digest === digest) return state;
  return { ...state, pins: state.pins.map((one) => (one === pin ? { ...pin, digest } : one)) };
}

/** Not pinned. */
export function withoutPin(state: DaemonState, ref: TunnelRef): DaemonState {
  const pins = without(state.pins, ref);
  return pins === state.pins ? state : { ...state, pins };
}

/** `list` without the items about `ref`; the same list when there are none. */
function without<R extends TunnelRef>(list: R[], ref: TunnelRef): R[] {
  return list.some((one) => sameRef(one, ref)) ? list.filter((one) => !sameRef(one, ref)) : list;
}
