/**
 * A tunnel as the window sees it: what its file says and what the daemon says,
 * side by side. Plain data; the other models make the texts that are shown.
 */

import type { ApprovalFacts, Problem } from "../../shared/contract/methods.ts";
import type { TunnelState, TunnelStatus } from "../../shared/contract/state.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";

/** Where tunnels come from. */
export interface TunnelSource {
  /** workspace: a folder's .vscode/tunnels.json; personal: the user's own file; ad-hoc: opened by hand and not saved. */
  readonly kind: "workspace" | "personal" | "ad-hoc";
  /** Absolute path of the file. */
  readonly configPath: string;
  /** For people: the folder's name, with its location when several folders have that name; for other sources, what the file is. */
  readonly label: string;
  /** The workspace folder's path; undefined for the others. */
  readonly folder: string | undefined;
}

/** A tunnel of this window. */
export interface TunnelItem {
  readonly source: TunnelSource;
  readonly name: string;
  /** undefined: the entry has a fault, or is no longer in the file. */
  readonly entry: TunnelEntry | undefined;
  readonly fault: Problem | undefined;
  /** Where the name is in the file; undefined when only the daemon knows the tunnel. Offsets in UTF-16 units, line and column from 1. */
  readonly place: { readonly path: string; readonly offset: number; readonly length: number; readonly line: number; readonly column: number } | undefined;
  /** undefined: the daemon does not know the tunnel, so it is closed. */
  readonly status: TunnelStatus | undefined;
  readonly approval: Approval;
  /** This window keeps the tunnel open. */
  readonly wanted: boolean;
  /** This window is working on the tunnel: shown as a spinner. */
  readonly busy: boolean;
  /** The name of a key that the entry asks for and that is not on this machine. */
  readonly missingKey?: string | undefined;
  /** The workspace is not trusted and no daemon has been asked: whether the tunnel is open is not known. */
  readonly isUnknown?: boolean;
}

/** Whether what the file says now may be used. unknown: nobody has asked the daemon yet. */
export type Approval = { readonly at: "approved" } | { readonly at: "pending"; readonly facts: ApprovalFacts } | { readonly at: "unknown" };

/** The reference of an item, as requests take it. */
export function refOf(item: TunnelItem): TunnelRef {
  return { configPath: item.source.configPath, name: item.name };
}

/** The state that is shown. */
export function stateOf(item: TunnelItem): TunnelState {
  if (item.busy && (item.status === undefined || item.status.state === "closed")) return "opening";
  return item.status?.state ?? "closed";
}

/** Whether clients can connect. */
export function isOpen(item: TunnelItem): boolean {
  return isListening(stateOf(item));
}

/** Whether clients can connect, and nothing is known that speaks against it. */
export function isWorking(item: TunnelItem): boolean {
  return isOpen(item) && stateOf(item) !== "degraded" && stateOf(item) !== "reconnecting";
}

/** Whether the other end has proved itself. */
export function isVerified(item: TunnelItem): boolean {
  const state = stateOf(item);
  return state === "verified" || state === "key-verified";
}

/** Whether the user would say that the tunnel is on: open, opening, or in trouble. */
export function isOn(item: TunnelItem): boolean {
  const state = stateOf(item);
  return state !== "closed" && state !== "draining";
}
