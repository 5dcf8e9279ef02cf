/**
 * Entries that may be used. Code that hands out an entry's words (variables, a
 * URL, arguments of a program) takes an `ApprovedEntry`. Only an answer of the
 * daemon that says "approved" makes one: the answer holds the entry that was
 * judged, so the entry that is used is the one that was judged, however often the
 * file changes meanwhile. "Not pending" is no approval: an entry that can't be
 * judged is in no list. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { Result } from "./methods.ts";
import type { TunnelEntry } from "./tunnels-file.ts";

declare const APPROVED: unique symbol;

/** An entry in the form in which the user has approved it. */
export type ApprovedEntry = TunnelEntry & { readonly [APPROVED]: true };

/** The approved entries of an answer, by name. An approval that comes without its entry, from a daemon before this rule, is left out. */
export function approvedEntries({ approved }: Pick<Result<"approvals/list">, "approved">): ReadonlyMap<string, ApprovedEntry> {
  return new Map(approved.flatMap(({ name, entry }) => (entry === undefined ? [] : [[name, entry as TunnelEntry as ApprovedEntry] as const])));
}

/** Whether an entry that was read here is the one that was judged elsewhere, in all its words. Either may have been sent as JSON. */
export function sameEntry(one: TunnelEntry, other: TunnelEntry): boolean {
  return isDeepStrictEqual(asSent(one), asSent(other));
}

/** The entry as the other side sees it: properties that are undefined are not sent. */
function asSent(entry: TunnelEntry): unknown {
  return JSON.parse(JSON.stringify(entry));
}
