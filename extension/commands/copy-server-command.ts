/**
 * Copy Server Command: the far end that fits a client's entry, as a spiped command,
 * a systemd unit, a Compose file or a configuration of our own server. The text is
 * run on a server, so it is made only from an approved entry.
 */
import * as vscode from "vscode";
import { addressFault } from "../../shared/contract/address-rules.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { formLabel, SERVER_FORMS, type ServerForm, type ServerText, serverText } from "../model/far-end/server-command.ts";
import { defaultBackend, serverEnd } from "../model/far-end/server-end.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { approvedItem } from "../tunnels/approved-item.ts";
import { pickClient } from "./copy.ts";

/** The command takes a {@link TunnelArgument} and, for other extensions, resolves to the text. */
export function registerCopyServerCommand(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.copyServerCommand, (argument?: unknown) => copyServerCommand(services, argument));
}

async function copyServerCommand(services: Services, argument: unknown): Promise<string | undefined> {
  const { t, context } = services;
  const title = t("Copy Server Command");
  const picked = await pickClient(services, argument, title);
  const item = picked && (await approvedItem(services, picked));
  if (item?.entry.role !== "client") return undefined;
  const { entry } = item;
  const form = await pickForm(title, t);
  if (form === undefined) return undefined;
  const backend = defaultBackend(entry.service) ?? (await askBackend(title, t));
  if (backend === undefined) return undefined;
  const program = context.asAbsolutePath("dist/tunneld.cjs");
  const end = serverEnd({ name: item.name, entry, backend, fingerprint: await fingerprintOf(item, services), program });
  const made = serverText(form, end, t);
  await deliver(made, t);
  return made.text;
}

async function pickForm(title: string, t: Services["t"]): Promise<ServerForm | undefined> {
  const rows = SERVER_FORMS.map((form) => ({ ...formLabel(form, t), form }));
  // The question of the approval gives the focus back when it closes, which would close this list.
  return (await vscode.window.showQuickPick(rows, { title, placeHolder: t("In which form?"), matchOnDetail: true, ignoreFocusOut: true }))?.form;
}

async function askBackend(title: string, t: Services["t"]): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title,
    prompt: t("The address of the service, as its own server sees it."),
    value: "127.0.0.1:",
    ignoreFocusOut: true,
    validateInput: (typed) => {
      const fault = addressFault(typed, { role: "target", platform: "linux" });
      return fault === undefined ? undefined : t("Write host:port, such as 127.0.0.1:5432, or the absolute path of a socket.");
    },
  });
}

/** The key's fingerprint, if it is already known: no daemon is started to find it. */
async function fingerprintOf({ status, approval, entry }: TunnelItem, { link }: Services): Promise<string | undefined> {
  if (approval.at === "pending") return approval.facts.keys[0]?.fingerprint;
  const known = status?.keyFingerprints[0];
  if (known !== undefined) return known;
  try {
    if (typeof entry?.key !== "string" || !(await link.attach())) return undefined;
    const { keys } = await link.request("keys/list", {});
    return keys.find(({ name }) => name === entry.key)?.fingerprint;
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return undefined;
  }
}

/** Copies the text to the clipboard, and offers to show it in an editor. */
async function deliver({ text, language }: ServerText, t: Services["t"]): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  const open = t("Open in an Editor");
  const said = t("Server command copied, with setup steps as comments.");
  void vscode.window.showInformationMessage(said, open).then(async (choice) => {
    if (choice === open) await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: text, language }));
  });
}
