/**
 * One quiet notification when a tunnel works for the first time, with what people
 * want next. After that, and where several open together, the status bar is enough.
 */
import * as vscode from "vscode";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { refKey } from "../../shared/contract/tunnel-ref.ts";
import { COMMANDS } from "../ids.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { successText } from "../model/view/first-success.ts";
import type { Services } from "../services.ts";

/** Where a window remembers which tunnels have worked. */
const WORKED_KEY = "worked";
/** Our choice: more tunnels than a workspace has. */
const MAX_REMEMBERED = 1_000;

/** Tells of the first success of a tunnel; false: it has worked before, or nothing was verified. Does not wait for an answer. */
export function tellFirstSuccess({ context, t }: Pick<Services, "context" | "t">, item: TunnelItem, status: TunnelStatus): boolean {
  const text = status.role === "client" ? successText(status, t) : undefined;
  const key = refKey(refOf(item));
  const worked = context.workspaceState.get<readonly string[]>(WORKED_KEY, []);
  if (text === undefined || worked.includes(key)) return false;
  void context.workspaceState.update(WORKED_KEY, [...worked, key].slice(-MAX_REMEMBERED));
  void show(text, item, status, t);
  return true;
}

async function show(text: string, item: TunnelItem, { service }: TunnelStatus, t: Services["t"]): Promise<void> {
  const terminal = { title: t("Client Terminal"), command: COMMANDS.openClient };
  const copy = { title: t("Copy URL"), command: COMMANDS.copyUrl };
  const choice = await vscode.window.showInformationMessage(text, ...(service === "tcp" ? [copy] : [terminal, copy]));
  if (choice) await vscode.commands.executeCommand(choice.command, refOf(item));
}
