/**
 * Open Encrypted Tunnel: opens the tunnel that the command is called with, or one
 * that the user picks. The list also offers to write a tunnels.json, or to open a
 * tunnel without one.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { configOffer } from "../model/editor/config-offer.ts";
import { isOpen, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import type { OpenResult } from "../tunnels/tunnel-actions.ts";
import { folderFiles } from "../ui/editor/open-files.ts";
import { tellFirstSuccess } from "../ui/first-success.ts";
import { pickItem, tunnelOf } from "./pick-tunnel.ts";

/** The command takes a {@link TunnelArgument} and resolves to "open", "failed" or "cancelled". */
export function registerOpen(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.open, (argument?: unknown) => open(services, argument));
}

type Choice = vscode.QuickPickItem & ({ readonly item: TunnelItem } | { readonly command: string });

async function open(services: Services, argument: unknown): Promise<OpenResult["at"]> {
  const given = tunnelOf(services, argument);
  if (given) return await openOne(services, given);
  const choice = await choose(services);
  if (!choice) return "cancelled";
  if ("item" in choice) return await openOne(services, choice.item);
  await vscode.commands.executeCommand(choice.command);
  return "cancelled";
}

async function choose(services: Services): Promise<Choice | undefined> {
  const { t, store } = services;
  const closed = store.items.filter((item) => !isOpen(item) && !item.busy).map((item): Choice => pickItem(item, services));
  const adHoc: Choice = {
    label: `$(add) ${t("Ad-hoc tunnel…")}`,
    detail: t("Asks for service, target and key. No file is needed."),
    command: COMMANDS.openAdHoc,
  };
  const rest = [...fileChoices(services), adHoc];
  const placeHolder =
    store.items.length === 0 ? t("No tunnels yet") : closed.length === 0 ? t("All tunnels are open: choose how to open another") : t("Choose a tunnel to open");
  return await vscode.window.showQuickPick([...closed, ...rest], {
    title: t("Open Encrypted Tunnel"),
    placeHolder,
    matchOnDescription: true,
    matchOnDetail: true,
  });
}

/** Offers a tunnels.json if a folder has none, or has one without a tunnel. */
function fileChoices(services: Services): Choice[] {
  const { t } = services;
  const detail = t("Tunnels of this folder, shared with everybody who works on it.");
  switch (configOffer(folderFiles(services))) {
    case "create":
      return [{ label: `$(new-file) ${t("Create tunnels.json")}`, detail, command: COMMANDS.createConfig }];
    case "edit":
      return [{ label: `$(go-to-file) ${t("Edit tunnels.json")}`, detail, command: COMMANDS.editConfig }];
    case undefined:
      return [];
  }
}

async function openOne(services: Services, item: TunnelItem): Promise<OpenResult["at"]> {
  const result = await services.actions.open(item);
  sayOpen(result, item, services);
  return result.at;
}

/** Says that a tunnel is open: the first time in a notification, later in the status bar. The actions have already reported any other result. */
export function sayOpen(result: OpenResult, item: TunnelItem, { t, context }: Pick<Services, "t" | "context">): void {
  if (result.at !== "open" || tellFirstSuccess({ t, context }, item, result.status)) return;
  vscode.window.setStatusBarMessage(t("{0} is open at {1}", plainText(item.name), plainText(result.status.listen)), 5_000);
}
