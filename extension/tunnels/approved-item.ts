/**
 * A tunnel whose entry is approved as it stands, asked about if need be: for what
 * uses the entry's own words, its user and database. Both the entry and the
 * approval are of one moment: a file can change while a question is open.
 */
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { TunnelActions } from "./tunnel-actions.ts";
import type { TunnelStore } from "./tunnel-store.ts";

/** Our choice: a file that changes while it is asked about is asked about once more, not for ever. */
const QUESTIONS = 2;

/** What is asked. */
export interface ApprovedItemParts {
  readonly store: Pick<TunnelStore, "find" | "refreshApprovals">;
  readonly actions: Pick<TunnelActions, "approve">;
}

/** The tunnel as it is now, approved; undefined: the user said no, or the file does not keep still. */
export async function approvedItem({ store, actions }: ApprovedItemParts, item: TunnelItem): Promise<TunnelItem | undefined> {
  for (let asked = 0; asked <= QUESTIONS; asked += 1) {
    const current = store.find(refOf(item)) ?? item;
    if (current.approval.at === "approved") return current;
    if (asked === QUESTIONS || !(await actions.approve(current))) return undefined;
    // One that was approved long ago may not be known to be: the daemon may just have been started.
    await store.refreshApprovals(current.source.configPath);
  }
  return undefined;
}
