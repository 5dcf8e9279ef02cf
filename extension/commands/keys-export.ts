/**
 * Export Key to File: for the far end or another machine. The file is always new,
 * and only the user can read it; a key never goes to the clipboard or an editor.
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as vscode from "vscode";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { pickKey, secretKeysOf } from "./key-store.ts";

/** The command takes a {@link KeyArgument}. */
export function registerExportKey(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.exportKey, (argument?: unknown) => shownFailures(services, () => exportKey(services, argument)));
}

async function exportKey(services: Services, argument: unknown): Promise<void> {
  const { t } = services;
  const title = t("Export Key to File");
  const key = await pickKey(services, argument, { title });
  if (!key) return;
  const uri = await vscode.window.showSaveDialog({
    title,
    saveLabel: t("Export Key"),
    // Not the workspace: a key there soon ends up in git.
    defaultUri: vscode.Uri.file(path.join(os.homedir(), `${key.name}.key`)),
  });
  if (!uri) return;
  if (uri.scheme !== "file") throw new TunnelError("CONFIG_INVALID", message("a key can be exported to a file of this machine only: choose another place"));
  if (key.stored === "folder") await services.link.request("keys/export", { name: key.name, path: uri.fsPath });
  else await exportSecret(services, { name: key.name, file: uri.fsPath });
  const text = t("Key {0} exported to {1}, readable only by you. Send it over a secure channel, then delete the file.", key.name, plainText(uri.fsPath));
  void vscode.window.showInformationMessage(text);
}

async function exportSecret(services: Services, { name, file }: { readonly name: string; readonly file: string }): Promise<void> {
  const bytes = await secretKeysOf(services).read(name);
  if (!bytes) throw new TunnelError("KEY_NOT_FOUND", message('another window or program supplied the key "{0}": export it there', plainText(name)));
  try {
    writeNew(file, bytes);
  } finally {
    bytes.fill(0);
  }
}

/** Writes a new file. Never replaces one, even if the dialog has offered that. */
function writeNew(file: string, bytes: Uint8Array): void {
  try {
    fs.writeFileSync(file, bytes, { mode: 0o600, flag: "wx", flush: true });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const text =
      code === "EEXIST" ? `${plainText(file)} exists already and is not overwritten: choose another name` : `the key can't be written: ${plainText(message)}`;
    throw new TunnelError("CONFIG_INVALID", text, { cause });
  }
}
