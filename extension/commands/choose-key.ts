/**
 * Gives a tunnel another key, or the key that it lacks. Called from the line above
 * an entry and from quick fixes when the entry's key is not on this machine.
 */

import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { CHOOSE_KEY } from "../ids.ts";
import { keyNames, missingKey } from "../model/editor/entry-condition.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { askKey } from "./ask-key.ts";
import { changeEntry } from "./change-entry.ts";
import { tunnelOf } from "./pick-tunnel.ts";

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

/** In a server's list of keys, the other keys stay. */
async function write(services: Services, item: TunnelItem, { replaced, key }: { readonly replaced: string | undefined; readonly key: string }): Promise<void> {
  const { entry } = item;
  const value = Array.isArray(entry?.key) ? entry.key.map((one) => (one === replaced ? key : one)) : key;
  await changeEntry(services, item, { property: "key", value });
}
