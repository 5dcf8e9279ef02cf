/**
 * Forget Key: removes a key for good, after a question that names the tunnels that
 * use it and says that it can't be had back.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { keyNameFault } from "../model/asking/key-input.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { keyNameOf, pickKey, secretKeysOf, usersText } from "./key-store.ts";

/** The command takes a {@link KeyArgument}; also the name of a key that can't be used. */
export function registerForgetKey(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.forgetKey, (argument?: unknown) => shownFailures(services, () => forget(services, argument)));
}

async function forget(services: Services, argument: unknown): Promise<void> {
  const { t, link } = services;
  const name = (await nameInTrouble(services, argument)) ?? (await pickKey(services, argument, { title: t("Forget Key") }))?.name;
  if (name === undefined) return;
  const yes = t("Forget Key");
  const detail = `${usersText(name, services)} ${t("Connections that are open stay open. The key can't be had back unless you have a copy.")}`;
  const choice = await vscode.window.showWarningMessage(t("Forget the key {0} for good?", name), { modal: true, detail }, yes);
  if (choice !== yes) return;
  const { keys, faults = [] } = await link.request("keys/list", {});
  const listed = keys.filter((key) => key.name === name);
  if (listed.some(({ stored }) => stored === "session")) await link.request("keys/forget", { name, stored: "session" });
  // A key in memory hides one of the same name in the folder, which nobody has asked about.
  else if (listed.length > 0 || faults.some((fault) => fault.name === name)) await link.request("keys/forget", { name, stored: "folder" });
  if (secretKeysOf(services).has(name)) await secretKeysOf(services).forget(name);
  await services.store.refreshApprovals();
  vscode.window.setStatusBarMessage(t("The key {0} is forgotten.", name), 5_000);
}

/** A key that is named but can't be listed: its file has a fault, or its secret is gone. */
async function nameInTrouble(services: Services, argument: unknown): Promise<string | undefined> {
  const given = keyNameOf(argument);
  if (given === undefined || keyNameFault(given, { taken: [], t: services.t }) !== undefined) return undefined;
  const { faults = [] } = await services.link.request("keys/list", {});
  if (faults.some(({ name }) => name === given) || secretKeysOf(services).has(given)) return given;
  return undefined;
}
