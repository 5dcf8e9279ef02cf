/**
 * The entry of a tunnel, for all code that uses the entry's text: variables, URLs,
 * arguments of programs, server commands, other extensions. An approved entry exists
 * only while the store says that the user has approved exactly what the file says
 * now. An entry that is unknown, or that nobody has asked about, is not approved.
 */
import type { ApprovedEntry } from "../../shared/contract/approved-entry.ts";
import type { TunnelItem } from "./tunnel-item.ts";

/** The item's entry if it is approved in this form; undefined: no part of it may be used. */
export function approvedEntry({ approval, entry }: Pick<TunnelItem, "approval" | "entry">): ApprovedEntry | undefined {
  return approval.at === "approved" && entry ? (entry as ApprovedEntry) : undefined;
}
