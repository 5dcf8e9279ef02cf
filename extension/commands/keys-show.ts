/**
 * Show and Copy Key Fingerprint, and Manage Keys: a list of all keys by name and
 * fingerprint, with the actions for each. Each button's action can also be reached
 * by keyboard, through the key's own list of actions.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { wordsIn } from "../model/failures/daemon-words.ts";
import { keyFormLine } from "../model/key-form-line.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { keyRow, type ListedKey, pickKey } from "./key-store.ts";

/** Both commands; the first takes a {@link KeyArgument}. */
export function registerShowKeys(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(
    vscode.commands.registerCommand(COMMANDS.showFingerprint, (argument?: unknown) => shownFailures(services, () => showFingerprint(services, argument))),
  );
  owned.add(vscode.commands.registerCommand(COMMANDS.manageKeys, () => shownFailures(services, () => manage(services))));
  return owned;
}

async function showFingerprint(services: Services, argument: unknown): Promise<void> {
  const key = await pickKey(services, argument, { title: services.t("Show and Copy Key Fingerprint") });
  if (key) await copyFingerprint(key, services);
}

async function copyFingerprint({ name, fingerprint, form }: ListedKey, { t }: Services): Promise<void> {
  await vscode.env.clipboard.writeText(fingerprint);
  void vscode.window.showInformationMessage([t("Fingerprint of the key {0}, copied: {1}", name, fingerprint), ...keyFormLine(form, t)].join(" "));
}

/** A button or a row, and its action. */
interface KeyAction extends vscode.QuickInputButton {
  readonly tooltip: string;
  run(key: ListedKey): Thenable<unknown>;
}

interface ManageRow extends vscode.QuickPickItem {
  readonly key?: ListedKey;
  readonly command?: string;
  readonly argument?: { readonly name: string };
}

async function manage(services: Services): Promise<void> {
  const { t, link } = services;
  const { keys, faults = [] } = await link.request("keys/list", {});
  const actions = keyActions(services);
  const rows: ManageRow[] = keys.map((key) => ({ ...keyRow(key, services), key, buttons: actions }));
  const broken: ManageRow[] = faults.map((fault) => ({
    label: `$(warning) ${plainText(fault.name)}`,
    description: t("can't be used"),
    detail: plainText(wordsIn(fault, t)),
    command: COMMANDS.forgetKey,
    argument: { name: fault.name },
  }));
  const more: ManageRow[] = [
    { label: t("New"), kind: vscode.QuickPickItemKind.Separator },
    { label: `$(desktop-download) ${t("Import Key…")}`, command: COMMANDS.importKey },
    { label: `$(add) ${t("Generate Key…")}`, command: COMMANDS.generateKey },
  ];
  const picked = await pickRow([...rows, ...broken, ...more], services);
  if (picked?.key) await chooseAction(picked.key, actions, services);
  else if (picked?.command !== undefined) await vscode.commands.executeCommand(picked.command, picked.argument);
}

function keyActions(services: Services): readonly KeyAction[] {
  const { t } = services;
  return [
    { iconPath: new vscode.ThemeIcon("copy"), tooltip: t("Copy Fingerprint"), run: (key) => copyFingerprint(key, services) },
    {
      iconPath: new vscode.ThemeIcon("export"),
      tooltip: t("Export Key to File…"),
      run: ({ name }) => vscode.commands.executeCommand(COMMANDS.exportKey, { name }),
    },
    { iconPath: new vscode.ThemeIcon("trash"), tooltip: t("Delete Key…"), run: ({ name }) => vscode.commands.executeCommand(COMMANDS.forgetKey, { name }) },
  ];
}

/** The row that was chosen; undefined: none, or a button was pressed, which runs its action itself. */
function pickRow(items: readonly ManageRow[], { t }: Services): Promise<ManageRow | undefined> {
  return new Promise((resolve) => {
    const pick = vscode.window.createQuickPick<ManageRow>();
    pick.title = t("Manage Keys");
    pick.placeholder = t("Choose a key to see what can be done with it");
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.items = items;
    pick.onDidAccept(() => {
      resolve(pick.selectedItems[0]);
      pick.hide();
    });
    pick.onDidTriggerItemButton(({ button, item }) => {
      resolve(undefined);
      pick.hide();
      if (item.key) void (button as KeyAction).run(item.key);
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}

async function chooseAction(key: ListedKey, actions: readonly KeyAction[], { t }: Services): Promise<void> {
  const rows = actions.map((action) => ({ label: action.tooltip, iconPath: action.iconPath, action }));
  const picked = await vscode.window.showQuickPick(rows, { title: t("Key {0}", key.name), placeHolder: key.fingerprint });
  await picked?.action.run(key);
}
