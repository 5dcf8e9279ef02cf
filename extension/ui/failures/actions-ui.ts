/**
 * How the actions on tunnels ask and tell: modal questions where something is
 * approved or ended, one notification for a failure with what mends it, progress
 * that can be cancelled. What is said is made by the models; all of it is plain.
 */
import * as vscode from "vscode";
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import type { TunnelUser } from "../../../shared/contract/state.ts";
import type { TunnelError } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import { approvalQuestion } from "../../model/asking/approval-question.ts";
import { failureActionLabel, failureHelp, failureText } from "../../model/failures/failure-help.ts";
import type { Translate } from "../../model/translate.ts";
import type { TunnelItem, TunnelRef } from "../../model/tunnel-item.ts";
import { userText } from "../../model/view/tunnel-facts.ts";
import { listenOf, roleOf, targetOf, tunnelName } from "../../model/view/tunnel-row.ts";
import type { ActionsUi } from "../../tunnels/tunnel-actions.ts";
import { mendFailure, type TunnelFinder } from "./mend-failure.ts";

/** What the dialogs are given. */
export interface ActionsUiParts {
  readonly t: Translate;
  readonly log: Pick<vscode.LogOutputChannel, "info" | "warn">;
  /** To say more of a tunnel than its reference does: the key that is to be imported. */
  readonly store: TunnelFinder;
}

/** See the file's header. */
export function createActionsUi(parts: ActionsUiParts): ActionsUi {
  const { t } = parts;
  return {
    requireTrust: () => Promise.resolve(requireTrust(t)),
    askApproval: (facts) => askApproval(facts, t),
    confirmOpen: (item) => confirmOpen(item, t),
    confirmClose: (item, others) => confirmClose(item, others, t),
    showFailure: (ref, failure, again) => showFailure({ ref, failure, again }, parts),
    withProgress: (title, work) => withProgress(title, work),
  };
}

/** Does not wait for the answer: trust restarts what waits for it. */
function requireTrust(t: Translate): boolean {
  if (vscode.workspace.isTrusted) return true;
  const manage = t("Manage Workspace Trust");
  const text = t("Tunnels open only in a workspace that you trust: its files say where your programs connect to.");
  void vscode.window.showWarningMessage(text, manage).then((choice) => {
    if (choice === manage) void vscode.commands.executeCommand("workbench.trust.manage");
  });
  return false;
}

async function askApproval(facts: ApprovalFacts, t: Translate): Promise<boolean> {
  const { title, detail, approve } = approvalQuestion(facts, t);
  const look = t("Show in tunnels.json");
  const choice = await vscode.window.showWarningMessage(title, { modal: true, detail }, approve, look);
  if (choice === look) void vscode.commands.executeCommand(COMMANDS.reveal, { configPath: facts.configPath, name: facts.name });
  return choice === approve;
}

async function confirmOpen(item: TunnelItem, t: Translate): Promise<boolean> {
  const open = t("Open");
  const detail = t("It leads from {0} to {1}. Its entry asks for a confirmation each time.", listenOf(item, t) ?? "", targetOf(item));
  return (await vscode.window.showWarningMessage(t("Open the tunnel {0}?", tunnelName(item)), { modal: true, detail }, open)) === open;
}

async function confirmClose(item: TunnelItem, others: readonly TunnelUser[], t: Translate): Promise<boolean> {
  const close = t("Close for All");
  const detail = [t("It is closed for this window. These use it, too:"), ...others.map((user) => userText(user, t))].join("\n");
  return (await vscode.window.showWarningMessage(t("Close the tunnel {0} for all?", tunnelName(item)), { modal: true, detail }, close)) === close;
}

/** What has failed, and how it is done once more. */
interface Failed {
  readonly ref: TunnelRef | undefined;
  readonly failure: TunnelError;
  readonly again: (() => unknown) | undefined;
}

function showFailure({ ref, failure, again }: Failed, { t, log, store }: ActionsUiParts): void {
  const item = ref && store.find(ref);
  const help = failureHelp(failure, { t, isOfTunnel: ref !== undefined, role: item && roleOf(item), canRepeat: again !== undefined });
  const name = ref === undefined ? undefined : plainText(ref.name, { maxLength: 64 });
  log.warn(`${name === undefined ? "" : `${name}: `}${plainText(failure.message) || "see its state"} [${help.code}]`);
  const text = failureText(help, name);
  const actions = help.actions.map((action) => ({ title: failureActionLabel(action, t), action }));
  const shown = help.severity === "error" ? vscode.window.showErrorMessage(text, ...actions) : vscode.window.showWarningMessage(text, ...actions);
  void shown.then((choice) => choice && (choice.action === "retry" ? again?.() : mendFailure(choice.action, ref, store)));
}

async function withProgress<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return await vscode.window.withProgress(options, async (_progress, token) => {
    const cancelling = new AbortController();
    const listening = token.onCancellationRequested(() => cancelling.abort());
    try {
      return await work(cancelling.signal);
    } finally {
      listening.dispose();
    }
  });
}
