/**
 * Delete Key: removes a key for good. First a question names the tunnels that use
 * the key and says that the key can't be restored.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { keyNameFault } from "../model/asking/key-input.ts";
import type { Services } from "../services.ts";
import { forgetNewestKey } from "../ui/editor/newest-key.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { keyNameOf, pickKey, secretKeysOf, usersText } from "./key-store.ts";

/** The command takes a {@link KeyArgument}, which may also name a key that can't be used. */
export function registerForgetKey(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.forgetKey, (argument?: unknown) => shownFailures(services, () => forget(services, argument)));
}

async function forget(services: Services, argument: unknown): Promise<void> {
  const { t, link } = services;
  const name = (await nameInTrouble(services, argument)) ?? (await pickKey(services, argument, { title: t("Delete Key") }))?.name;
  if (name === undefined) return;
  const yes = t("Delete Key");
  const detail = `${usersText(name, services)} ${t("Open connections stay open. Without a copy, the key can't be restored.")}`;
  const choice = await vscode.window.showWarningMessage(t("Delete the key {0}?", name), { modal: true, detail }, yes);
  if (choice !== yes) return;
  const { keys, faults = [] } = await link.request("keys/list", {});
  const listed = keys.filter((key) => key.name === name);
  if (listed.some(({ stored }) => stored === "session")) await link.request("keys/forget", { name, stored: "session" });
  // A key in memory hides a key of the same name in the folder. The question was only about the key in memory.
  else if (listed.length > 0 || faults.some((fault) => fault.name === name)) await link.request("keys/forget", { name, stored: "folder" });
  if (secretKeysOf(services).has(name)) await secretKeysOf(services).forget(name);
  forgetNewestKey(services, name);
  await services.store.refreshApprovals();
  vscode.window.setStatusBarMessage(t("Key {0} deleted.", name), 5_000);
}

/** The given name of a key that can't be listed: its file has a fault, or its secret is gone. */
async function nameInTrouble(services: Services, argument: unknown): Promise<string | undefined> {
  const given = keyNameOf(argument);
  if (given === undefined || keyNameFault(given, { taken: [], t: services.t }) !== undefined) return undefined;
  const { faults = [] } = await services.link.request("keys/list", {});
  if (faults.some(({ name }) => name === given) || secretKeysOf(services).has(given)) return given;
  return undefined;
}
