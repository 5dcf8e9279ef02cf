/**
 * Create tunnels.json: writes a new file from the template and opens it with the
 * placeholder selected. Never overwrites a file that has text.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import * as vscode from "vscode";
import { localConfigPath } from "../../shared/contract/config-file.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isUnwritten } from "../model/editor/config-offer.ts";
import { configTemplate } from "../model/editor/config-template.ts";
import type { TunnelSource } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { ignoreInGit, isShared } from "../ui/editor/git-ignore.ts";
import { keyAsker } from "../ui/editor/known-keys.ts";
import { keyForNewEntry } from "../ui/editor/newest-key.ts";
import { currentText, showFile } from "../ui/editor/open-files.ts";
import { changeFile } from "../ui/editor/write-config.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";

/** The command takes a workspace folder's path, asks if there are several folders, and resolves to the file; undefined: none. */
export function registerCreateConfig(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.createConfig, (argument?: unknown) => shownFailures(services, () => createConfig(services, argument)));
}

async function createConfig(services: Services, argument: unknown): Promise<string | undefined> {
  const { t } = services;
  const source = workspaceSources(services).find(({ folder }) => folder === argument) ?? (await pickSource(services, t("Create tunnels.json")));
  if (!source) return undefined;
  await createFile(services, source);
  if (source.folder !== undefined) void offerIgnore(services, source.configPath, source.folder);
  return source.configPath;
}

/**
 * Writes the template if there is no file or nothing in it, and shows the file.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function createFile(services: Services, { kind, configPath }: TunnelSource): Promise<void> {
  const { t, sources } = services;
  const isPrivate = kind !== "workspace";
  const template = configTemplate(isPrivate ? "personal" : "workspace", t, keyForNewEntry(services, await keyAsker(services, Date.now)()));
  const isThere = fs.lstatSync(configPath, { throwIfNoEntry: false }) !== undefined;
  const isNew = isUnwritten({ isThere, text: currentText(configPath) });
  const change = (text: string | undefined): string => (text === undefined || text.trim() === "" ? template.text : text);
  if (isNew) await changeFile({ file: configPath, change, isPrivate, t });
  sources.refresh();
  await showFile(configPath, isNew ? template.placeholder : undefined);
}

/** The workspace folders on this machine, as sources. */
function workspaceSources({ sources }: Pick<Services, "sources">): TunnelSource[] {
  return sources.configs.map(({ source }) => source).filter(({ kind }) => kind === "workspace");
}

/** The workspace folder to work in, picked if there are several; undefined: none. If there is no folder at all, the user is told. */
export async function pickSource(services: Services, title: string): Promise<TunnelSource | undefined> {
  const { t } = services;
  const all = workspaceSources(services);
  if (all.length === 1) return all[0];
  if (all.length === 0) {
    const adHoc = t("Open Ad-hoc Tunnel…");
    const text = t("A tunnels.json belongs to a folder on this machine: open one first, or open a tunnel without a file.");
    void vscode.window.showInformationMessage(text, adHoc).then((choice) => {
      if (choice === adHoc) void vscode.commands.executeCommand(COMMANDS.openAdHoc);
    });
    return undefined;
  }
  const rows = all.map((source) => ({ label: `$(folder) ${source.label}`, description: source.folder ?? "", detail: detailOf(source, t), source }));
  return (await vscode.window.showQuickPick(rows, { title, placeHolder: t("Choose a folder"), matchOnDescription: true }))?.source;
}

function detailOf({ configPath }: TunnelSource, t: Services["t"]): string {
  return fs.existsSync(configPath) ? t("Has a tunnels.json.") : t("Has no tunnels.json yet.");
}

/** Offers to ignore the file of personal differences in git: it does not belong in the repository. Never rejects. */
export async function offerIgnore(services: Services, configPath: string, folder: string): Promise<void> {
  const { t } = services;
  const file = localConfigPath(configPath);
  if (!(await isShared(file, folder))) return;
  const [add, later] = [t("Add to .gitignore"), t("Not Now")];
  const text = t("Put personal changes into {0} beside this file, and keep that out of git.", path.basename(file));
  if ((await vscode.window.showInformationMessage(text, add, later)) === add) await shownFailures(services, () => ignoreInGit(file, folder, t));
}
