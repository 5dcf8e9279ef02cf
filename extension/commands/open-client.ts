/**
 * Open Client Terminal: redis-cli or mariadb in a terminal, connected through the
 * tunnel. The terminal runs the program itself with its arguments: no shell reads
 * anything from a tunnels.json.
 */
import * as fs from "node:fs/promises";
import { parse } from "node:path";
import * as vscode from "vscode";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS, HAS_USED_TUNNEL } from "../ids.ts";
import { type ClientProgram, clientProgram } from "../model/programs/client-program.ts";
import { localEnd } from "../model/programs/local-end.ts";
import { isOpen, refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { markOf, terminalColor } from "../model/view/tunnel-mark.ts";
import { serviceIcon, tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { approvedItem } from "../tunnels/approved-item.ts";
import { findProgram } from "./find-program.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** The command takes a {@link TunnelArgument}. */
export function registerOpenClient(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.openClient, (argument?: unknown) => openClient(services, argument));
}

async function openClient(services: Services, argument: unknown): Promise<void> {
  const { t, ui } = services;
  const picked = await pickTunnel(services, argument, {
    title: t("Open Client Terminal"),
    filter: ({ entry }) => entry?.role === "client" && entry.service !== "tcp",
    none: t("No Redis or MySQL tunnel in this window."),
  });
  if (!picked || !(await ui.requireTrust()) || !(await opened(services, picked))) return;
  // User and database come from the file as it is now, not as it was when the tunnel opened.
  const item = await approvedItem(services, picked);
  const entry = item?.entry;
  const end = item && localEnd(item);
  if (entry?.role !== "client" || !end) return;
  try {
    const program = clientProgram(entry, end);
    if (program) await start(services, item, program);
    else void vscode.window.showInformationMessage(t("No client is known for {0}: its service is tcp.", tunnelName(item)));
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    ui.showFailure(refOf(item), error, () => openClient(services, refOf(item)));
  }
}

/** Whether the tunnel is open; a closed tunnel is opened, which asks what opening always asks and shows its own failure. */
async function opened({ actions }: Services, item: TunnelItem): Promise<boolean> {
  return isOpen(item) || (await actions.open(item)).at === "open";
}

async function start(services: Services, item: TunnelItem, program: ClientProgram): Promise<void> {
  const { t } = services;
  const { PATH, Path, PATHEXT } = process.env;
  const found = await findProgram(program.candidates, { path: PATH ?? Path, pathExt: PATHEXT, platform: process.platform, isExecutable });
  if (found === undefined) {
    await offerInstall(services, item, program);
    return;
  }
  const mark = markOf(item);
  const terminal = vscode.window.createTerminal({
    name: mark?.isProduction ? t("{0} (production)", plainText(item.name)) : plainText(item.name),
    shellPath: found,
    shellArgs: [...program.args, ...(program.ownArgs?.[parse(found).name] ?? [])],
    iconPath: new vscode.ThemeIcon(serviceIcon(item.entry?.service ?? item.status?.service)),
    // Otherwise VS Code takes the first folder's directory and variables.
    ...(item.source.folder !== undefined && { cwd: item.source.folder }),
    ...(mark && { color: new vscode.ThemeColor(terminalColor(mark.color)) }),
  });
  terminal.show();
  void vscode.commands.executeCommand("setContext", HAS_USED_TUNNEL, true);
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await fs.access(file, fs.constants.X_OK);
    return (await fs.stat(file)).isFile();
  } catch {
    return false;
  }
}

async function offerInstall({ t }: Services, item: TunnelItem, { candidates, install }: ClientProgram): Promise<void> {
  const [copyInstall, copyUrl] = [t("Copy Install Command"), t("Copy Connection URL")];
  const command = process.platform === "darwin" ? install.brew : install.debian;
  const text =
    process.platform === "win32"
      ? t("None of these programs is on your PATH: {0}. Install one, or connect with another client.", candidates.join(", "))
      : t("None of these programs is on your PATH: {0}. Install one, for example: {1}", candidates.join(", "), command);
  const actions = process.platform === "win32" ? [copyUrl] : [copyInstall, copyUrl];
  const choice = await vscode.window.showWarningMessage(text, ...actions);
  if (choice === copyInstall) await vscode.env.clipboard.writeText(command);
  if (choice === copyUrl) await vscode.commands.executeCommand(COMMANDS.copyUrl, refOf(item));
}
