/**
 * A tunnel that the user has just described: writes it into a file and finds it in
 * the store. Approves it without a second question if the approval covers exactly
 * what the user typed.
 */

import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type AdHocDraft, isAsTyped } from "../model/asking/ad-hoc.ts";
import { type EntryText, setEntry } from "../model/editor/config-edit.ts";
import type { TunnelItem, TunnelSource } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { changeFile } from "../ui/editor/write-config.ts";

/** Our choice: the store follows a file in tens of milliseconds. */
const FOUND_WITHIN_MS = 5_000;

/** An entry and the file that it goes into. */
export interface NewEntry {
  readonly source: Pick<TunnelSource, "kind" | "configPath">;
  readonly name: string;
  readonly entry: EntryText;
}

/**
 * Writes the entry and resolves to its tunnel.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function writeEntry(services: Services, { source, name, entry }: NewEntry): Promise<TunnelItem> {
  const { t, sources } = services;
  const { configPath } = source;
  await changeFile({ file: configPath, change: (text) => setEntry(text, name, entry), isPrivate: source.kind !== "workspace", t });
  sources.refresh();
  return await whenFound(services, { configPath, name });
}

/**
 * Approves an entry that is exactly what the user typed; does nothing if anything in it differs.
 * @throws TunnelError as the daemon's approvals
 */
export async function approveAsTyped({ link, store }: Services, { configPath, name }: TunnelRef, draft: AdHocDraft): Promise<void> {
  const { pending } = await link.request("approvals/list", { configPath, names: [name] });
  const facts = pending.find((one) => one.name === name);
  if (!facts || !isAsTyped(facts, draft)) return;
  await link.request("approvals/grant", { configPath, name, digest: facts.digest });
  await store.refreshApprovals(configPath);
}

/**
 * Resolves to the tunnel once the store has it.
 * @throws TunnelError CONFIG_INVALID if it does not come
 */
export function whenFound({ store, t }: Services, ref: TunnelRef): Promise<TunnelItem> {
  const found = (): TunnelItem | undefined => {
    const item = store.find(ref);
    return item?.place ? item : undefined;
  };
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const item = found();
      if (!item) return;
      clearTimeout(timer);
      listening.dispose();
      resolve(item);
    };
    const listening = store.onDidChange(look);
    const timer = setTimeout(() => {
      listening.dispose();
      reject(new TunnelError("CONFIG_INVALID", t("The tunnel {0} was saved, and its file can't be read: look at the file.", ref.name)));
    }, FOUND_WITHIN_MS);
    look();
  });
}
