/**
 * The setting `encryptedTunnels.openBeforeDebugging`: which tunnels open before a
 * program of a folder is debugged. *Always Open Here* and the row's menu write it.
 */
import * as vscode from "vscode";
import { PREFIX } from "../ids.ts";

/** Its name behind the extension's prefix. */
export const OPEN_SETTING = "openBeforeDebugging";

/** The names that count for a folder; undefined: outside of any folder. */
export function namesBeforeDebugging(folder: vscode.Uri | undefined): readonly string[] {
  const value = vscode.workspace.getConfiguration(PREFIX, folder).get<unknown>(OPEN_SETTING);
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

/** Writes the names to the folder's settings; outside of any folder to the workspace's, or to the user's where there is none. */
export async function writeNamesBeforeDebugging(folder: vscode.Uri | undefined, names: readonly string[]): Promise<void> {
  const { ConfigurationTarget } = vscode;
  const elsewhere = vscode.workspace.workspaceFolders === undefined ? ConfigurationTarget.Global : ConfigurationTarget.Workspace;
  await vscode.workspace.getConfiguration(PREFIX, folder).update(OPEN_SETTING, names, folder ? ConfigurationTarget.WorkspaceFolder : elsewhere);
}
