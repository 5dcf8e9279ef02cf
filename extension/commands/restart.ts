/**
 * Restart Tunnel: cuts the tunnel's connections and opens the tunnel again.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { isOn } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import type { OpenResult } from "../tunnels/tunnel-actions.ts";
import { sayOpen } from "./open.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** The command takes a {@link TunnelArgument} and resolves to "open", "failed" or "cancelled". */
export function registerRestart(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.restart, (argument?: unknown) => restart(services, argument));
}

async function restart(services: Services, argument: unknown): Promise<OpenResult["at"]> {
  const { t, actions } = services;
  const item = await pickTunnel(services, argument, { title: t("Restart Tunnel"), filter: isOn, none: t("No tunnel is open in this window.") });
  if (!item) return "cancelled";
  const result = await actions.restart(item);
  sayOpen(result, item, services);
  return result.at;
}
