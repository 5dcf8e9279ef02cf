/**
 * A closed tunnel's live connections go on to their end: whoever closes tunnels is
 * told how many there are, and can cut them.
 */
import * as vscode from "vscode";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { Services } from "../services.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";

/** How many connections of these closed tunnels live on. Asks the link: the store has the statuses only a moment later. */
function stillConnected({ link }: Pick<Services, "link">, refs: readonly TunnelRef[]): number {
  return refs.reduce((sum, ref) => sum + (link.statusOf(ref)?.openConnections ?? 0), 0);
}

/** Says that tunnels are closed: `text` alone in the status bar or, if connections live on, with their number and the offer to cut them. */
export async function sayClosed(services: Services, refs: readonly TunnelRef[], text: string): Promise<void> {
  const { t } = services;
  const left = stillConnected(services, refs);
  if (left === 0) {
    vscode.window.setStatusBarMessage(text, 5_000);
    return;
  }
  const cut = t("Cut Connections");
  if ((await vscode.window.showInformationMessage(t("{0}. Still connected: {1}", text, left), cut)) === cut) await cutConnections(services, refs, text);
}

/** Ends the connections of closed tunnels, and says `text` in the status bar. What was opened again meanwhile stays as it is. */
export async function cutConnections(services: Services, refs: readonly TunnelRef[], text: string): Promise<void> {
  const isClosed = (ref: TunnelRef): boolean => ["draining", "closed"].includes(services.link.statusOf(ref)?.state ?? "closed");
  await shownFailures(services, async () => {
    for (const ref of refs.filter(isClosed)) await services.link.request("tunnel/close", { configPath: ref.configPath, name: ref.name, cut: true });
    vscode.window.setStatusBarMessage(text, 5_000);
  });
}
