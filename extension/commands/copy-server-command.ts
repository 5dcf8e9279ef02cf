/**
 * Copy Server Command: the far end that fits a client's entry, as a spiped command,
 * a systemd unit, a Compose file or a configuration of our own server.
 */
import * as vscode from "vscode";
import { endpointFault } from "../../shared/contract/address-rules.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { formLabel, SERVER_FORMS, type ServerForm, type ServerText, serverText } from "../model/far-end/server-command.ts";
import { defaultBackend, serverEnd } from "../model/far-end/server-end.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { pickClient } from "./copy.ts";

/** The command takes a {@link TunnelArgument} and, for other extensions, resolves to the text. */
export function registerCopyServerCommand(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.copyServerCommand, (argument?: unknown) => copyServerCommand(services, argument));
}

async function copyServerCommand(services: Services, argument: unknown): Promise<string | undefined> {
  const { t, context } = services;
  const title = t("Copy Server Command");
  const item = await pickClient(services, argument, title);
  const entry = item?.entry;
  if (!item || !entry) return undefined;
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
  return (await vscode.window.showQuickPick(rows, { title, placeHolder: t("In which form?"), matchOnDetail: true }))?.form;
}

async function askBackend(title: string, t: Services["t"]): Promise<string | undefined> {
  return await vscode.window.showInputBox({
    title,
    prompt: t("The address of the service, as its own server sees it."),
    value: "127.0.0.1:",
    validateInput: (typed) => {
      const fault = endpointFault(typed, { role: "target", platform: "linux" });
      return fault === undefined ? undefined : t("Write host:port, such as 127.0.0.1:5432, or the absolute path of a socket.");
    },
  });
}

/** From what is known already: nothing is started for it. */
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

/** To the clipboard; from there on it can be looked at first. */
async function deliver({ text, language }: ServerText, t: Services["t"]): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  const open = t("Open in an Editor");
  const said = t("The far end is copied, with the steps that bring the key to the server as comments.");
  void vscode.window.showInformationMessage(said, open).then(async (choice) => {
    if (choice === open) await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: text, language }));
  });
}
