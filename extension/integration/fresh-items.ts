/**
 * The tunnels as they are right after one was opened. The store reports changes in
 * batches and a little later, but a caller that has just opened a tunnel needs the
 * tunnel's address now.
 */

import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";

/** Our choice: a daemon that does not answer delays the start of a program no longer than this. */
const PATIENCE_MS = 3_000;

/** What {@link freshItems} asks. */
export interface FreshSource {
  readonly link: { readonly state: Pick<Services["link"]["state"], "at"> };
  readonly store: Pick<Services["store"], "items" | "refreshApprovals">;
}

/** All tunnels, with approvals as the daemon has them now. Never rejects. */
export async function freshItems({ link, store }: FreshSource): Promise<readonly TunnelItem[]> {
  if (link.state.at !== "connected") return store.items;
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([store.refreshApprovals(), enough]);
  clearTimeout(timer);
  return store.items;
}

/** The tunnel `ref` of `items`; undefined: there is none. */
export function itemOf(items: readonly TunnelItem[], ref: TunnelRef): TunnelItem | undefined {
  return items.find((item) => refKey(refOf(item)) === refKey(ref));
}
