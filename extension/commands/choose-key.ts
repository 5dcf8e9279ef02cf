/**
 * Gives a tunnel another key, or the one it lacks: called from the line above its
 * entry and from quick fixes, for an entry whose key is not on this machine.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { PREFIX } from "../ids.ts";
import { keyNames, missingKey } from "../model/editor/entry-condition.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { askKey } from "./ask-key.ts";
import { changeEntry } from "./change-entry.ts";
import { tunnelOf } from "./pick-tunnel.ts";

/** Not in the command palette: it is always about one entry. */
export const CHOOSE_KEY = `${PREFIX}.chooseKey`;

/** The command takes a tunnel and resolves to the key's name; undefined: none was chosen. */
export function registerChooseKey(services: Services): Disposable {
  return vscode.commands.registerCommand(CHOOSE_KEY, (argument?: unknown) => shownFailures(services, () => chooseKey(services, argument)));
}

async function chooseKey(services: Services, argument: unknown): Promise<string | undefined> {
  const item = tunnelOf(services, argument);
  if (!item) return undefined;
  const { keys } = await services.link.request("keys/list", {});
  const known = new Map(keys.map(({ name, fingerprint }) => [name, fingerprint]));
  const replaced = missingKey(item, known) ?? keyNames(item.entry)[0];
  const title = services.t("Choose the Key of {0}", tunnelName(item));
  const answer = await askKey(services, { title, step: 1, totalSteps: 1, newName: replaced, active: replaced });
  if (answer.at !== "next") return undefined;
  if (answer.value !== replaced) await write(services, item, { replaced, key: answer.value });
  await services.store.refreshApprovals(item.source.configPath);
  return answer.value;
}

/** A server's list keeps its other keys. */
async function write(services: Services, item: TunnelItem, { replaced, key }: { readonly replaced: string | undefined; readonly key: string }): Promise<void> {
  const { entry } = item;
  const value = Array.isArray(entry?.key) ? entry.key.map((one) => (one === replaced ? key : one)) : key;
  await changeEntry(services, item, { property: "key", value });
}
