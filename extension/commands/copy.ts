/**
 * Copy Local Address and Copy Connection URL: where clients of this machine reach
 * the database. The URL has the entry's user and database in it, so only an entry
 * that is approved gives one. Never a password.
 */
import * as vscode from "vscode";
import { connectionUrl, placeholdersOf } from "../../shared/contract/connection-url.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { localEnd } from "../model/programs/local-end.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
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
  const item = await pickClient(services, argument, t("Copy Local Address"));
  const end = item && (await knownEnd(services, item));
  if (!end) return undefined;
  const { host, port } = placeholdersOf("", { service: "tcp", listen: end });
  return await copied(end.kind === "unix" || !host.includes(":") ? [host, port].filter((part) => part !== "").join(":") : `[${host}]:${port}`, services);
}

async function copyUrl(services: Services, argument: unknown): Promise<string | undefined> {
  const item = await pickClient(services, argument, services.t("Copy Connection URL"));
  const current = item && (await approvedItem(services, item));
  const end = current && (await knownEnd(services, current));
  if (!end || !current.entry) return undefined;
  const { service, user, database } = current.entry;
  return await copied(connectionUrl({ service, listen: end, user, database }), services);
}

/** A tunnel with a local end that clients connect to; undefined: none, which is said. */
export async function pickClient(services: Services, argument: unknown, title: string): Promise<TunnelItem | undefined> {
  const { t } = services;
  const none = t("There is no tunnel with a port for clients in this window.");
  const item = await pickTunnel(services, argument, { title, filter: ({ entry }) => entry?.role === "client", none });
  if (!item || item.entry?.role === "client") return item;
  const text = item.entry
    ? t("{0} is the server's end: its port is encrypted, no client connects to it.", tunnelName(item))
    : t("The entry {0} has a fault: correct it first.", tunnelName(item));
  const show = t("Show in tunnels.json");
  void vscode.window.showWarningMessage(text, show).then((choice) => {
    if (choice !== undefined) void vscode.commands.executeCommand(COMMANDS.reveal, refOf(item));
  });
  return undefined;
}

/** Where it listens; a port that is picked when the tunnel opens is known only then, so it is offered to open it. */
async function knownEnd(services: Services, item: TunnelItem): Promise<ReturnType<typeof localEnd>> {
  const { t, store } = services;
  const known = localEnd(item);
  if (known) return known;
  const open = t("Open Tunnel");
  const text = t("The port of {0} is picked when the tunnel opens.", tunnelName(item));
  if ((await vscode.window.showInformationMessage(text, open)) !== open) return undefined;
  await services.actions.open(item);
  return localEnd(store.find(refOf(item)) ?? item);
}

async function copied(text: string, { t }: Services): Promise<string> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(t("Copied: {0}", plainText(text, { maxLength: 120 })), 5_000);
  return text;
}
