/**
 * What the row of a tunnel can change in its file: duplicate, rename, remove, move
 * to a group; and whether it is opened before debugging, which is a setting. The
 * texts of tunnels.json and tunnels.local.json change together. What was approved
 * stays bound to its words: a tunnel with another name is asked about again.
 */
import * as vscode from "vscode";
import { localConfigPath } from "../../shared/contract/config-file.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { candidatePorts } from "../model/asking/ad-hoc.ts";
import { readEntry, removeEntry, renameEntry } from "../model/editor/config-edit.ts";
import { copyName, entryCopy, entryNameFault, groupFault, groupLabel, groupsOf, toggled } from "../model/editor/entry-copy.ts";
import { isOn, refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { findFreePort } from "../ui/editor/free-port.ts";
import { currentText } from "../ui/editor/open-files.ts";
import { changeFile } from "../ui/editor/write-config.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { changeEntry, notReadable, writtenEntry } from "./change-entry.ts";
import { namesBeforeDebugging, writeNamesBeforeDebugging } from "./debug-setting.ts";
import { whenFound, writeEntry } from "./new-entry.ts";
import { pickTunnel } from "./pick-tunnel.ts";

type Work = (services: Services, item: TunnelItem) => Promise<void>;

/** The commands; each takes a {@link TunnelArgument}. */
export function registerEditEntry(services: Services): Disposable {
  const owned = new Disposables();
  const { t } = services;
  const as =
    (title: string, work: Work) =>
    (argument?: unknown): Promise<unknown> =>
      shownFailures(services, () => run(services, argument, { title, work }));
  owned.add(vscode.commands.registerCommand(COMMANDS.duplicate, as(t("Duplicate Tunnel"), duplicate)));
  owned.add(vscode.commands.registerCommand(COMMANDS.rename, as(t("Rename Tunnel"), rename)));
  owned.add(vscode.commands.registerCommand(COMMANDS.remove, as(t("Remove Tunnel"), remove)));
  owned.add(vscode.commands.registerCommand(COMMANDS.moveToGroup, as(t("Move to Group"), moveToGroup)));
  owned.add(vscode.commands.registerCommand(COMMANDS.openBeforeDebugging, as(t("Open Before Debugging"), toggleBeforeDebugging)));
  return owned;
}

async function run(services: Services, argument: unknown, { title, work }: { readonly title: string; readonly work: Work }): Promise<void> {
  const { t, ui } = services;
  const item = await pickTunnel(services, argument, { title, filter: ({ place }) => place !== undefined, none: t("No tunnels in this window.") });
  if (item && (await ui.requireTrust())) await work(services, item);
}

async function duplicate(services: Services, item: TunnelItem): Promise<void> {
  const { store } = services;
  const entry = writtenEntry(services, item);
  const name = await askName(services, item, { value: copyName(item.name, store.items) });
  if (name === undefined) return;
  const port = await findFreePort(candidatePorts(item.entry?.service ?? "tcp", store.items));
  const made = await writeEntry(services, { source: item.source, name, entry: entryCopy(entry, port) });
  await vscode.commands.executeCommand(COMMANDS.reveal, refOf(made));
}

async function rename(services: Services, item: TunnelItem): Promise<void> {
  const { store, actions, sources } = services;
  const name = await askName(services, item, { value: item.name, own: item.name });
  if (name === undefined || name === item.name) return;
  const current = store.find(refOf(item)) ?? item;
  const wasOn = isOn(current);
  if (wasOn && !(await actions.close(current))) return;
  await changeBoth(services, item, (text) => renameEntry(text, { name: item.name, to: name }));
  sources.refresh();
  if (wasOn) await actions.open(await whenFound(services, { ...refOf(item), name }));
}

async function remove(services: Services, item: TunnelItem): Promise<void> {
  const { t, store, actions, sources } = services;
  const yes = t("Remove");
  const detail = isOn(item) ? t("It is closed first. Its key stays on this machine.") : t("Its key stays on this machine.");
  if ((await vscode.window.showWarningMessage(t("Remove the tunnel {0} from its file?", tunnelName(item)), { modal: true, detail }, yes)) !== yes) return;
  const current = store.find(refOf(item)) ?? item;
  if (isOn(current) && !(await actions.close(current))) return;
  await changeBoth(services, item, (text) => removeEntry(text, item.name));
  sources.refresh();
}

async function moveToGroup(services: Services, item: TunnelItem): Promise<void> {
  const { t, store } = services;
  const title = t("Move {0} to a Group", tunnelName(item));
  const rows = [
    ...groupsOf(store.items).map((group) => ({ label: `$(folder) ${groupLabel(group)}`, group })),
    { label: `$(add) ${t("New group…")}`, group: undefined },
    ...(item.entry?.group === undefined ? [] : [{ label: `$(close) ${t("No group")}`, group: null }]),
  ];
  const picked = await vscode.window.showQuickPick(rows, { title, placeHolder: t("Choose a group"), ignoreFocusOut: true });
  if (!picked) return;
  const typed =
    picked.group === undefined
      ? await vscode.window.showInputBox({ title, prompt: t("A name for the group."), ignoreFocusOut: true, validateInput: (text) => groupFault(text, t) })
      : picked.group;
  if (typed === undefined) return;
  await changeEntry(services, item, { property: "group", value: typed === null ? undefined : typed.trim() });
}

async function toggleBeforeDebugging({ t }: Services, item: TunnelItem): Promise<void> {
  const { folder } = item.source;
  const scope = folder === undefined ? undefined : vscode.Uri.file(folder);
  const { names, isIn } = toggled(namesBeforeDebugging(scope), item.name);
  await writeNamesBeforeDebugging(scope, names);
  const name = tunnelName(item);
  vscode.window.setStatusBarMessage(isIn ? t("{0} opens before debugging.", name) : t("{0} no longer opens before debugging.", name), 5_000);
}

async function askName(
  { t, store }: Services,
  { source }: TunnelItem,
  { value, own }: { readonly value: string; readonly own?: string },
): Promise<string | undefined> {
  const items = store.items.filter((one) => one.source.configPath === source.configPath);
  const typed = await vscode.window.showInputBox({
    prompt: t("A name for the tunnel."),
    value,
    ignoreFocusOut: true,
    validateInput: (text) => entryNameFault(text, { items, t, ...(own !== undefined && { own }) }),
  });
  return typed?.trim();
}

/** Changes tunnels.json and, if the entry is there too, tunnels.local.json. */
async function changeBoth(services: Services, item: TunnelItem, change: (text: string) => string | undefined): Promise<void> {
  const { t } = services;
  const { source, name } = item;
  const files = [source.configPath, localConfigPath(source.configPath)].filter((file) => readEntry(currentText(file) ?? "", name) !== undefined);
  // Both or none: an override without its entry would be a mistake.
  if (files.length === 0 || files.some((file) => change(currentText(file) ?? "") === undefined)) throw notReadable(services, item);
  for (const file of files) {
    await changeFile({ file, change: (before) => (before === undefined ? undefined : change(before)), isPrivate: source.kind !== "workspace", t });
  }
}
