/**
 * Review and Approve Tunnel, and Withdraw Approval of Tunnel. The question itself
 * is `ActionsUi.askApproval`; nothing is approved without it.
 */
import * as vscode from "vscode";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { refOf } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** Both commands; they take a {@link TunnelArgument}. The first resolves to whether the entry is approved. */
export function registerApprove(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.approve, (argument?: unknown) => approve(services, argument)));
  owned.add(vscode.commands.registerCommand(COMMANDS.revokeApproval, (argument?: unknown) => revoke(services, argument)));
  return owned;
}

async function approve(services: Services, argument: unknown): Promise<boolean> {
  const { t, ui, actions, store } = services;
  const item = await pickTunnel(services, argument, {
    title: t("Review and Approve Tunnel"),
    filter: ({ entry, approval }) => entry !== undefined && approval.at !== "approved",
    none: t("No tunnel in this window waits for approval."),
  });
  if (!item || !(await ui.requireTrust())) return false;
  await store.refreshApprovals(item.source.configPath);
  const name = plainText(item.name);
  if (store.find(refOf(item))?.approval.at === "approved") {
    void vscode.window.showInformationMessage(t("{0} is already approved.", name));
    return true;
  }
  if (!(await actions.approve(item, "review"))) return false;
  vscode.window.setStatusBarMessage(t("{0} is approved.", name), 5_000);
  return true;
}

async function revoke(services: Services, argument: unknown): Promise<void> {
  const { t, ui, link, store } = services;
  const item = await pickTunnel(services, argument, {
    title: t("Revoke Approval of Tunnel"),
    filter: ({ approval }) => approval.at === "approved",
    none: t("No approved tunnel in this window."),
  });
  if (!item) return;
  const name = plainText(item.name);
  const yes = t("Revoke Approval");
  const detail = t("The tunnel closes in all windows, and opens again only after you approve it.");
  if ((await vscode.window.showWarningMessage(t("Revoke the approval of {0}?", name), { modal: true, detail }, yes)) !== yes) return;
  const ref = refOf(item);
  try {
    await store.setWanted([ref], false);
    const { revoked } = await link.request("approvals/revoke", ref);
    await store.refreshApprovals(ref.configPath);
    vscode.window.setStatusBarMessage(revoked ? t("Approval of {0} revoked.", name) : t("{0} not approved.", name), 5_000);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    // A withdrawal that can't be saved still holds until the daemon ends.
    if (error.code === "STATE_NOT_SAVED") await store.refreshApprovals(ref.configPath).catch(() => {});
    ui.showFailure(ref, error, () => revoke(services, ref));
  }
}
