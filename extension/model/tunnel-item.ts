/**
 * A tunnel as the window sees it: what its file says and what the daemon says,
 * side by side. Plain data; what is shown of it is made by the other models.
 */
import type { ApprovalFacts, Problem } from "../../shared/contract/methods.ts";
import type { TunnelState, TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";

/** Where tunnels come from. */
export interface TunnelSource {
  /** workspace: a folder's .vscode/tunnels.json; personal: the user's own file; ad-hoc: opened by hand and not saved. */
  readonly kind: "workspace" | "personal" | "ad-hoc";
  /** Absolute path of the file. */
  readonly configPath: string;
  /** For people: the folder's name, with where it is when several have that name; what the file is, for the others. */
  readonly label: string;
  /** The workspace folder's path; undefined for the others. */
  readonly folder: string | undefined;
}

/** A tunnel's identity: the daemon's `configPath` and `name`. */
export interface TunnelRef {
  readonly configPath: string;
  readonly name: string;
}

/** A tunnel of this window. */
export interface TunnelItem {
  readonly source: TunnelSource;
  readonly name: string;
  /** undefined: it has a fault, or is no longer in the file. */
  readonly entry: TunnelEntry | undefined;
  readonly fault: Problem | undefined;
  /** Where its name stands; undefined when only the daemon knows it. Offsets in UTF-16 units, line and column from 1. */
  readonly place: { readonly path: string; readonly offset: number; readonly length: number; readonly line: number; readonly column: number } | undefined;
  /** undefined: the daemon does not know it, so it is closed. */
  readonly status: TunnelStatus | undefined;
  readonly approval: Approval;
  /** This window keeps it open. */
  readonly wanted: boolean;
  /** This window is at it: shown as a spinner. */
  readonly busy: boolean;
}

/** Whether what the file says now may be used. unknown: nobody has asked the daemon yet. */
export type Approval = { readonly at: "approved" } | { readonly at: "pending"; readonly facts: ApprovalFacts } | { readonly at: "unknown" };

/** The reference of an item, as requests take it. */
export function refOf(item: TunnelItem): TunnelRef {
  return { configPath: item.source.configPath, name: item.name };
}

/** One text for a reference, to compare and to look up by. */
export function refKey({ configPath, name }: TunnelRef): string {
  return `${configPath}\n${name}`;
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

/** Whether the user would say that it is on: open, or on its way, or hindered. */
export function isOn(item: TunnelItem): boolean {
  const state = stateOf(item);
  return state !== "closed" && state !== "draining";
}
