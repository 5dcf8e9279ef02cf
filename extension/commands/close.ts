/**
 * Close Tunnel. Who else uses it, and the question whether to close it for them too,
 * is the business of the actions.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** The command takes a {@link TunnelArgument} and resolves to whether the tunnel is closed now. */
export function registerClose(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.close, (argument?: unknown) => close(services, argument));
}

async function close(services: Services, argument: unknown): Promise<boolean> {
  const { t, actions } = services;
  const item = await pickTunnel(services, argument, { title: t("Close Tunnel"), filter: isOn, none: t("No tunnel is open in this window.") });
  if (!item) return false;
  const closed = await actions.close(item);
  if (closed) vscode.window.setStatusBarMessage(t("{0} is closed", plainText(item.name)), 5_000);
  return closed;
}
