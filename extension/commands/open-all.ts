/**
 * Open All Tunnels, Open Group of Tunnels and Close All Tunnels of this window.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";

/** The three commands. Open Group takes a group's name; each resolves to how many are open, or closed, by it. */
export function registerOpenAll(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.openAll, () => openAll(services)));
  owned.add(vscode.commands.registerCommand(COMMANDS.openGroup, (group?: unknown) => openGroup(services, group)));
  owned.add(vscode.commands.registerCommand(COMMANDS.closeAll, () => closeAll(services)));
  return owned;
}

async function openAll(services: Services): Promise<number> {
  const { t, store } = services;
  return await openThese(services, store.items, t("There are no tunnels in this window yet."));
}

async function openGroup(services: Services, argument: unknown): Promise<number> {
  const { t, store } = services;
  const none = t('No tunnel of this window belongs to a group. Give entries of tunnels.json a "group".');
  const group = typeof argument === "string" ? argument : await pickGroup(services, none);
  if (group === undefined) return 0;
  return await openThese(
    services,
    store.items.filter(({ entry }) => entry?.group === group),
    none,
  );
}

async function pickGroup({ t, store }: Services, none: string): Promise<string | undefined> {
  const groups = new Map<string, string[]>();
  for (const { entry, name } of store.items) {
    if (entry?.group !== undefined) groups.set(entry.group, [...(groups.get(entry.group) ?? []), plainText(name)]);
  }
  if (groups.size === 0) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  const rows = [...groups].map(([group, names]) => ({ label: `$(folder) ${plainText(group)}`, detail: names.join(", "), group }));
  return (await vscode.window.showQuickPick(rows, { title: t("Open Group of Tunnels"), placeHolder: t("Choose a group") }))?.group;
}

/** Entries with a fault are squiggled and shown as such already: here they only are not opened. */
async function openThese({ t, actions }: Services, items: readonly TunnelItem[], none: string): Promise<number> {
  const closed = items.filter((item) => item.entry !== undefined && !isOn(item));
  if (closed.length === 0) {
    void vscode.window.showInformationMessage(items.length === 0 ? none : t("All of these tunnels are open already."));
    return 0;
  }
  const results = await actions.openAll(closed);
  const open = results.filter(({ at }) => at === "open").length;
  if (results.length > 0) vscode.window.setStatusBarMessage(t("Tunnels opened: {0} of {1}", open, closed.length), 5_000);
  return open;
}

async function closeAll({ t, store, actions }: Services): Promise<number> {
  const open = store.items.filter(isOn);
  if (open.length === 0) {
    void vscode.window.showInformationMessage(t("No tunnel is open in this window."));
    return 0;
  }
  let closed = 0;
  // One after the other: each may ask.
  for (const item of open) if (await actions.close(item)) closed += 1;
  vscode.window.setStatusBarMessage(t("Tunnels closed: {0} of {1}", closed, open.length), 5_000);
  return closed;
}
