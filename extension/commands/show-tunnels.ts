/**
 * Show Tunnels: a quick pick of all tunnels, kept current while it is shown. Each
 * row has buttons to open or close the tunnel. Choosing a row opens the tunnel or,
 * if it is open, lists what can be done with it. The keyboard reaches everything.
 */
import * as vscode from "vscode";
import { refKey } from "../../shared/contract/tunnel-ref.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn, refOf, stateOf, type TunnelItem } from "../model/tunnel-item.ts";
import { phaseOf, roleOf, tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { pickItem, tunnelOf } from "./pick-tunnel.ts";

/** Our choice: the ages of rows are in minutes. */
const AGES_MS = 5_000;

interface Row extends vscode.QuickPickItem {
  readonly item?: TunnelItem;
  readonly command?: string;
}

interface TunnelButton extends vscode.QuickInputButton {
  readonly command: string;
}

/** Registers the command, and the one that does for a single tunnel what choosing its row does. */
export function registerShowTunnels(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.showTunnels, () => showTunnels(services)));
  owned.add(
    vscode.commands.registerCommand(COMMANDS.showTunnel, async (argument?: unknown) => {
      const item = tunnelOf(services, argument);
      if (item) await runOn(item, services);
    }),
  );
  return owned;
}

function showTunnels(services: Services): void {
  const { store, t } = services;
  const owned = new Disposables();
  const pick = owned.add(vscode.window.createQuickPick<Row>());
  pick.title = t("Encrypted Tunnels");
  pick.placeholder = t("Choose a tunnel to open it, or an open one to see what can be done with it");
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.keepScrollPosition = true;
  let shown = "";
  const update = (): void => {
    const rows = rowsOf(services);
    const now = JSON.stringify(rows.map(({ label, description, detail, command }) => [label, description, detail, command]));
    if (now === shown) return;
    shown = now;
    const active = pick.activeItems[0];
    pick.items = rows;
    const same = active && rows.find((row) => idOf(row) === idOf(active));
    if (same) pick.activeItems = [same];
  };
  owned.add(store.onDidChange(update));
  // Ages change by themselves.
  const ageing = setInterval(update, AGES_MS);
  owned.add({ dispose: () => clearInterval(ageing) });
  owned.add(
    pick.onDidTriggerItemButton(({ item, button }) => {
      if (item.item) void vscode.commands.executeCommand((button as TunnelButton).command, refOf(item.item));
    }),
  );
  owned.add(
    pick.onDidAccept(() => {
      const [row] = pick.selectedItems;
      pick.hide();
      if (row) void run(row, services);
    }),
  );
  owned.add(pick.onDidHide(() => owned.dispose()));
  update();
  pick.show();
}

function rowsOf(services: Services): Row[] {
  const { store, t } = services;
  const tunnels = store.items.map((item): Row => ({ ...pickItem(item, services), buttons: buttonsOf(item, services) }));
  const further = [
    ...(store.items.length === 0 ? [] : [{ label: `$(run-all) ${t("Open All Tunnels")}`, command: COMMANDS.openAll }]),
    { label: `$(add) ${t("Open Ad-hoc Tunnel…")}`, command: COMMANDS.openAdHoc },
    { label: `$(go-to-file) ${t("Edit tunnels.json")}`, command: COMMANDS.editConfig },
    { label: `$(key) ${t("Manage Keys…")}`, command: COMMANDS.manageKeys },
    { label: `$(output) ${t("Show Log")}`, command: COMMANDS.showLog },
  ];
  return [...tunnels, { label: "", kind: vscode.QuickPickItemKind.Separator }, ...further];
}

function buttonsOf(item: TunnelItem, { t }: Services): TunnelButton[] {
  const open = { iconPath: new vscode.ThemeIcon("debug-start"), tooltip: t("Open"), command: COMMANDS.open };
  const close = { iconPath: new vscode.ThemeIcon("debug-disconnect"), tooltip: t("Close"), command: COMMANDS.close };
  const diagnose = { iconPath: new vscode.ThemeIcon("pulse"), tooltip: t("Diagnose"), command: COMMANDS.diagnose };
  const terminal = { iconPath: new vscode.ThemeIcon("terminal"), tooltip: t("Open Client Terminal"), command: COMMANDS.openClient };
  const client = hasClientProgram(item) ? [terminal] : [];
  switch (phaseOf(item)) {
    case "closed":
      return [...client, open];
    case "open":
      return [...client, close];
    case "trouble":
      return waitsForApproval(item) ? [...client, open, close] : [diagnose, close];
    case "fault":
      return [{ iconPath: new vscode.ThemeIcon("go-to-file"), tooltip: t("Show in tunnels.json"), command: COMMANDS.reveal }];
    case "busy":
      return [];
  }
}

/** Identifies a row across updates, even if its state has changed. */
function idOf({ item, command, label }: Row): string {
  return item ? refKey(refOf(item)) : (command ?? label);
}

async function run({ item, command }: Row, services: Services): Promise<void> {
  if (command !== undefined) await vscode.commands.executeCommand(command);
  else if (item) await runOn(services.store.find(refOf(item)) ?? item, services);
}

/** Opens a closed tunnel; for a tunnel that is on, asks what to do. */
async function runOn(item: TunnelItem, { t }: Services): Promise<void> {
  const ref = refOf(item);
  if (phaseOf(item) === "fault") await vscode.commands.executeCommand(COMMANDS.reveal, ref);
  else if (isOn(item) && !waitsForApproval(item)) {
    const choice = await vscode.window.showQuickPick(actionsOf(item, t), { title: tunnelName(item), placeHolder: t("What to do with it?") });
    if (choice) await vscode.commands.executeCommand(choice.command, ref);
  } else await vscode.commands.executeCommand(COMMANDS.open, ref);
}

/** Wanted, and closed until it is approved: Open asks for that. */
function waitsForApproval(item: TunnelItem): boolean {
  return stateOf(item) === "not-approved";
}

function hasClientProgram(item: TunnelItem): boolean {
  return roleOf(item) !== "server" && (item.entry?.service ?? item.status?.service ?? "tcp") !== "tcp";
}

function actionsOf(item: TunnelItem, t: Services["t"]): (vscode.QuickPickItem & { readonly command: string })[] {
  const isClient = roleOf(item) !== "server";
  return [
    ...(item.approval.at === "pending" ? [{ label: `$(verified) ${t("Review and Approve…")}`, command: COMMANDS.approve }] : []),
    ...(isClient ? [{ label: `$(link) ${t("Copy Connection URL")}`, command: COMMANDS.copyUrl }] : []),
    ...(isClient ? [{ label: `$(copy) ${t("Copy Local Address")}`, command: COMMANDS.copyAddress }] : []),
    ...(hasClientProgram(item) ? [{ label: `$(terminal) ${t("Open Client Terminal")}`, command: COMMANDS.openClient }] : []),
    { label: `$(pulse) ${t("Diagnose")}`, command: COMMANDS.diagnose },
    { label: `$(debug-restart) ${t("Restart")}`, command: COMMANDS.restart },
    { label: `$(debug-disconnect) ${t("Close")}`, command: COMMANDS.close },
    { label: `$(go-to-file) ${t("Show in tunnels.json")}`, command: COMMANDS.reveal },
  ];
}
