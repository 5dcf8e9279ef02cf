/**
 * The tunnels as they are right after one was opened: the store tells of changes
 * together and a little later, and whoever has just opened a tunnel wants its
 * address now.
 */
import { refKey, refOf, type TunnelItem, type TunnelRef } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";

/** What is asked. */
export interface FreshSource {
  readonly link: { readonly state: Pick<Services["link"]["state"], "at"> };
  readonly store: Pick<Services["store"], "items" | "refreshApprovals">;
}

/** All tunnels, with approvals as the daemon has them now. Never rejects. */
export async function freshItems({ link, store }: FreshSource): Promise<readonly TunnelItem[]> {
  if (link.state.at !== "connected") return store.items;
  // Its end puts all that is known into the items: there may be no further change to wait for.
  await store.refreshApprovals();
  return store.items;
}

/** The tunnel `ref` of `items`; undefined: there is none. */
export function itemOf(items: readonly TunnelItem[], ref: TunnelRef): TunnelItem | undefined {
  return items.find((item) => refKey(refOf(item)) === refKey(ref));
}
