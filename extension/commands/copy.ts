/**
 * Copy Local Address and Copy Connection URL: where clients on this machine reach
 * the database. The URL contains the entry's user and database, and a closed
 * tunnel's address comes from its entry, so the entry must be approved.
 * A password is never copied.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS, HAS_USED_TUNNEL } from "../ids.ts";
import { addressForm, type CopySource, urlForm } from "../model/programs/copy-forms.ts";
import { localEnd } from "../model/programs/local-end.ts";
import { isOpen, refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { approvedItem } from "../tunnels/approved-item.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** Both commands; they take a {@link TunnelArgument} and resolve to what was copied. */
export function registerCopy(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.copyAddress, (argument?: unknown) => copyAddress(services, argument)));
  owned.add(vscode.commands.registerCommand(COMMANDS.copyUrl, (argument?: unknown) => copyUrl(services, argument)));
  return owned;
}

async function copyAddress(services: Services, argument: unknown): Promise<string | undefined> {
  const { t } = services;
  const picked = await pickClient(services, argument, t("Copy Local Address"));
  // An open tunnel listens where the approval allowed it to, whatever its file says now.
  const item = picked && (isOpen(picked) ? picked : await approvedItem(services, picked));
  const end = item && (await knownEnd(services, item));
  if (!end) return undefined;
  return await copied(addressForm(end), services);
}

async function copyUrl(services: Services, argument: unknown): Promise<string | undefined> {
  const source = await copySource(services, argument, services.t("Copy Connection URL"));
  return source && (await copied(urlForm(source), services));
}

/** An approved tunnel and where it listens, for the forms in which it is copied; undefined: the user gave it up, or has been told why not. */
export async function copySource(services: Services, argument: unknown, title: string): Promise<CopySource | undefined> {
  const picked = await pickClient(services, argument, title);
  const item = picked && (await approvedItem(services, picked));
  const listen = item && (await knownEnd(services, item));
  return listen && { name: item.name, entry: item.entry, listen };
}

/** A tunnel with a local end that clients connect to; undefined: there is none, and the user has been told. */
export async function pickClient(services: Services, argument: unknown, title: string): Promise<TunnelItem | undefined> {
  const { t } = services;
  const none = t("No tunnel in this window takes clients.");
  const item = await pickTunnel(services, argument, { title, filter: ({ entry }) => entry?.role === "client", none });
  if (!item || item.entry?.role === "client") return item;
  const text = item.entry
    ? t("{0} is the server's end: its port is encrypted, no client connects to it.", tunnelName(item))
    : t("Entry {0} has a mistake. Correct it first.", tunnelName(item));
  const show = t("Show in tunnels.json");
  void vscode.window.showWarningMessage(text, show).then((choice) => {
    if (choice !== undefined) void vscode.commands.executeCommand(COMMANDS.reveal, refOf(item));
  });
  return undefined;
}

/** Where the tunnel listens. If the port is only picked when the tunnel opens, offers to open the tunnel. */
async function knownEnd(services: Services, item: TunnelItem): Promise<ReturnType<typeof localEnd>> {
  const { t, store } = services;
  const known = localEnd(item);
  if (known) return known;
  const open = t("Open Tunnel");
  const text = t("The port of {0} is picked when the tunnel opens.", tunnelName(item));
  if ((await vscode.window.showInformationMessage(text, open)) !== open) return undefined;
  await services.actions.open(item);
  const current = store.find(refOf(item));
  // A tunnel that did not open listens nowhere, and its file may say something else now.
  return current && isOpen(current) ? localEnd(current) : undefined;
}

/** Copies a text and says so. */
export async function copied(text: string, { t }: Pick<Services, "t">): Promise<string> {
  await vscode.env.clipboard.writeText(text);
  void vscode.commands.executeCommand("setContext", HAS_USED_TUNNEL, true);
  vscode.window.setStatusBarMessage(t("Copied: {0}", plainText(text, { maxLength: 120 })), 5_000);
  return text;
}
