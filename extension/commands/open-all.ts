/**
 * Open All Tunnels, Close All Tunnels, and the same for a group or a file of the
 * tree, of this window.
 */
import * as vscode from "vscode";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn, refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { groupName, itemsOf, type TreeFolder } from "../model/view/tunnel-tree.ts";
import type { Services } from "../services.ts";
import { sayClosed } from "./still-connected.ts";

/** The four commands. Those of a group take a group's name, or a folder of the tree; each resolves to the number of tunnels that it opened or closed. */
export function registerOpenAll(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.openAll, () => openAll(services)));
  owned.add(vscode.commands.registerCommand(COMMANDS.openGroup, (group?: unknown) => openGroup(services, group)));
  owned.add(vscode.commands.registerCommand(COMMANDS.closeGroup, (group?: unknown) => closeGroup(services, group)));
  owned.add(vscode.commands.registerCommand(COMMANDS.closeAll, () => closeThese(services, services.store.items)));
  return owned;
}

async function openAll(services: Services): Promise<number> {
  const { t, store } = services;
  return await openThese(services, store.items, t("No tunnels in this window yet."));
}

async function openGroup(services: Services, argument: unknown): Promise<number> {
  const { t } = services;
  const none = t('No tunnel in this window has a group. Add "group" to entries of tunnels.json.');
  const items = await groupOf(services, argument, { title: t("Open Group of Tunnels"), none });
  return items === undefined ? 0 : await openThese(services, items, none);
}

async function closeGroup(services: Services, argument: unknown): Promise<number> {
  const { t } = services;
  const none = t("No tunnel is open in this window.");
  const items = await groupOf(services, argument, { title: t("Close Group of Tunnels"), none, filter: isOn });
  return items === undefined ? 0 : await closeThese(services, items);
}

/** What a group is asked for with. */
interface GroupQuestion {
  readonly title: string;
  /** Shown when there is no group. */
  readonly none: string;
  /** Which groups are offered: those with such a tunnel. */
  readonly filter?: (item: TunnelItem) => boolean;
}

/** The tunnels of the group that `argument` names, or of the folder of the tree that it is; else of the group that the user picks. */
async function groupOf(services: Services, argument: unknown, question: GroupQuestion): Promise<readonly TunnelItem[] | undefined> {
  const { store } = services;
  const folder = folderOf(argument);
  if (folder) return itemsOf(folder).flatMap((item) => store.find(refOf(item)) ?? []);
  const group = typeof argument === "string" ? argument : await pickGroup(services, question);
  return group === undefined ? undefined : store.items.filter((item) => groupName(item) === group);
}

/** A folder of the tree, as its rows pass it. */
function folderOf(argument: unknown): TreeFolder | undefined {
  if (typeof argument !== "object" || argument === null || !("branch" in argument)) return undefined;
  const { branch } = argument as { readonly branch: Partial<TreeFolder> | undefined };
  return Array.isArray(branch?.children) ? (branch as TreeFolder) : undefined;
}

async function pickGroup({ t, store }: Services, { title, none, filter = () => true }: GroupQuestion): Promise<string | undefined> {
  const groups = new Map<string, string[]>();
  for (const item of store.items) {
    const group = groupName(item);
    if (group !== undefined && filter(item)) groups.set(group, [...(groups.get(group) ?? []), plainText(item.name)]);
  }
  if (groups.size === 0) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  const rows = [...groups].map(([group, names]) => ({ label: `$(folder) ${plainText(group)}`, detail: names.join(", "), group }));
  return (await vscode.window.showQuickPick(rows, { title, placeHolder: t("Choose a group") }))?.group;
}

/** Entries with a fault are not opened and not mentioned: the editor and the tree already show the fault. */
async function openThese({ t, actions }: Services, items: readonly TunnelItem[], none: string): Promise<number> {
  const closed = items.filter((item) => item.entry !== undefined && !isOn(item));
  if (closed.length === 0) {
    void vscode.window.showInformationMessage(items.length === 0 ? none : t("These tunnels are already open."));
    return 0;
  }
  const results = await actions.openAll(closed);
  const open = results.filter(({ at }) => at === "open").length;
  if (results.length > 0) vscode.window.setStatusBarMessage(t("Tunnels opened: {0} of {1}", open, closed.length), 5_000);
  return open;
}

async function closeThese(services: Services, items: readonly TunnelItem[]): Promise<number> {
  const { t, actions } = services;
  const open = items.filter(isOn);
  if (open.length === 0) {
    void vscode.window.showInformationMessage(t("No tunnel is open in this window."));
    return 0;
  }
  const closed: TunnelRef[] = [];
  // One after the other: each may ask.
  for (const item of open) if (await actions.close(item)) closed.push(refOf(item));
  void sayClosed(services, closed, t("Tunnels closed: {0} of {1}", closed.length, open.length));
  return closed.length;
}
