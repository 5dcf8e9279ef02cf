/**
 * What the manager needs from configuration, keys and approvals: an entry turned
 * into something that can run, with the digests that say whether it may be
 * shared and whether it is approved.
 */
import type { ApprovalFacts, Problem } from "../../shared/contract/methods.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { TunnelRef } from "./daemon-state.ts";
import type { TunnelPlan } from "./plan.ts";

/** An entry, ready to run. */
export interface Planned {
  readonly plan: TunnelPlan;
  /** The same for two entries that may share one tunnel. */
  readonly digest: string;
  readonly facts: ApprovalFacts;
}

/** Overwrites the keys of a plan that nobody will run. */
export function wipe(plan: Pick<TunnelPlan, "keys">): void {
  for (const key of plan.keys) key.fill(0);
}

/** A configuration file as it stands. */
export interface ConfigState {
  readonly entries: ReadonlyMap<string, TunnelEntry>;
  readonly problems: readonly Problem[];
  /** Entries that are there but have a fault: what runs under these names keeps running. */
  readonly faults: ReadonlyMap<string, Problem>;
  /** It can't be read as a whole: what runs keeps running. */
  readonly broken: boolean;
}

/** Configuration files, read and watched. */
export interface ConfigSource {
  /** The file now; starts watching it. */
  get(configPath: string): ConfigState;
  /** Nobody needs the file any more. */
  release(configPath: string): void;
}

/** Turns entries into plans. */
export interface Planner {
  /** @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS, KEY_WEAK, CONFIG_INVALID or DNS_FAILED */
  plan(ref: TunnelRef, entry: TunnelEntry): Promise<Planned>;
}

/** Which digests the user has approved. */
export interface ApprovalSource {
  isApproved(ref: TunnelRef, digest: string): boolean;
}
