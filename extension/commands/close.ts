/**
 * Close Tunnel, and Cut Connections of a tunnel that is closed. The actions find out
 * who else uses the tunnel, and ask whether to close it for them too. A closed
 * tunnel's live connections go on to their end: then this says how many there are,
 * and offers to cut them.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn, refOf, stateOf, type TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { pickTunnel } from "./pick-tunnel.ts";
import { cutConnections, sayClosed } from "./still-connected.ts";

/** Both commands take a {@link TunnelArgument}; Close resolves to whether the tunnel is closed now. */
export function registerClose(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.close, (argument?: unknown) => close(services, argument)));
  owned.add(vscode.commands.registerCommand(COMMANDS.cutConnections, (argument?: unknown) => cut(services, argument)));
  return owned;
}

async function close(services: Services, argument: unknown): Promise<boolean> {
  const { t, actions } = services;
  const item = await pickTunnel(services, argument, { title: t("Close Tunnel"), filter: isOn, none: t("No tunnel is open in this window.") });
  if (!item) return false;
  const closed = await actions.close(item);
  if (closed) void sayClosed(services, [refOf(item)], closedText(item, t));
  return closed;
}

async function cut(services: Services, argument: unknown): Promise<void> {
  const { t } = services;
  const options = { title: t("Cut Connections"), filter: isDraining, none: t("No closed tunnel of this window has connections.") };
  const item = await pickTunnel(services, argument, options);
  if (item) await cutConnections(services, [refOf(item)], closedText(item, t));
}

function closedText(item: TunnelItem, t: Services["t"]): string {
  return t("{0} is closed", tunnelName(item));
}

function isDraining(item: TunnelItem): boolean {
  return stateOf(item) === "draining";
}
