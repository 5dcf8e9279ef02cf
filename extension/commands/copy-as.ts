/**
 * Copy As…: the forms of a tunnel's local end, each shown as it is copied. And Open
 * In…: hands a MySQL tunnel to SQLTools through its documented setting.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { addressForm, commandForm, envForm, sqlToolsForm, urlForm } from "../model/programs/copy-forms.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { copied, copySource } from "./copy.ts";

const SQLTOOLS = "mtxr.sqltools";

/** Both commands; they take a {@link TunnelArgument}. */
export function registerCopyAs(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.copyAs, (argument?: unknown) => shownFailures(services, () => copyAs(services, argument))));
  owned.add(vscode.commands.registerCommand(COMMANDS.openIn, (argument?: unknown) => shownFailures(services, () => openIn(services, argument))));
  return owned;
}

async function copyAs(services: Services, argument: unknown): Promise<string | undefined> {
  const { t } = services;
  const source = await copySource(services, argument, t("Copy As"));
  if (!source) return undefined;
  const command = commandForm(source);
  const rows = [
    { label: `$(link) ${t("Connection URL")}`, text: urlForm(source) },
    { label: `$(list-unordered) ${t("Lines for a .env file")}`, text: envForm(source) },
    ...(command === undefined ? [] : [{ label: `$(terminal) ${t("Client command")}`, text: command }]),
    { label: `$(copy) ${t("Local address")}`, text: addressForm(source.listen) },
  ].map((row) => ({ ...row, detail: plainText(row.text, { maxLength: 200 }) }));
  const picked = await vscode.window.showQuickPick(rows, {
    title: t("Copy {0} As", tunnelName(source)),
    placeHolder: t("No password is in any of them"),
    // The question of the approval gives the focus back to the view when it closes, which would close this list.
    ignoreFocusOut: true,
  });
  return picked && (await copied(picked.text, services));
}

async function openIn(services: Services, argument: unknown): Promise<void> {
  const { t } = services;
  if (!(await services.ui.requireTrust())) return;
  if (!vscode.extensions.getExtension(SQLTOOLS)) {
    void vscode.window.showInformationMessage(t("SQLTools is not installed. Copy the connection URL for another client."));
    return;
  }
  const source = await copySource(services, argument, t("Open in SQLTools"));
  if (!source) return;
  const connection = sqlToolsForm(source);
  if (!connection) {
    void vscode.window.showInformationMessage(t("Only MySQL tunnels without TLS can be handed to SQLTools."));
    return;
  }
  const settings = vscode.workspace.getConfiguration("sqltools");
  // The user's own list: a port of this machine is nothing for a shared file.
  const known = settings.inspect<unknown[]>("connections")?.globalValue ?? [];
  const others = known.filter((one) => (one as { readonly name?: unknown } | null)?.name !== connection["name"]);
  await settings.update("connections", [...others, connection], vscode.ConfigurationTarget.Global);
  void vscode.window.showInformationMessage(t("{0} is in the connections of SQLTools now.", tunnelName(source)));
}
