/**
 * A tunnel whose entry is approved as it stands; asks for approval if necessary. For
 * code that uses the entry's own text, its user and database. The entry and the
 * approval belong to the same moment: a file can change while a question is open.
 */
import type { ApprovedEntry } from "../../shared/contract/approved-entry.ts";
import { approvedEntry } from "../model/approved-entry.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { TunnelActions } from "./tunnel-actions.ts";
import type { TunnelStore } from "./tunnel-store.ts";

/** Our choice: if the file changes during the question, the user is asked once more, not for ever. */
const QUESTIONS = 2;

/** What {@link approvedItem} uses. */
export interface ApprovedItemParts {
  readonly store: Pick<TunnelStore, "find" | "refreshApprovals">;
  readonly actions: Pick<TunnelActions, "approve">;
}

/** An item whose entry may be used. */
export type ApprovedItem = TunnelItem & { readonly entry: ApprovedEntry };

/** The tunnel as it is now, approved; undefined: the user said no, or the file keeps changing. */
export async function approvedItem({ store, actions }: ApprovedItemParts, item: TunnelItem): Promise<ApprovedItem | undefined> {
  for (let asked = 0; asked <= QUESTIONS; asked += 1) {
    const current = store.find(refOf(item)) ?? item;
    const entry = approvedEntry(current);
    if (entry) return { ...current, entry };
    if (asked === QUESTIONS || !(await actions.approve(current))) return undefined;
    // The store may not know of an earlier approval: the daemon may just have been started.
    await store.refreshApprovals(current.source.configPath);
  }
  return undefined;
}
