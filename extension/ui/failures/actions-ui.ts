/**
 * How the actions on tunnels ask and inform the user: modal questions to approve or
 * end something, one notification for a failure with its remedies, and progress
 * that can be cancelled. The models make the texts; all of them are plain.
 */
import * as vscode from "vscode";
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import type { TunnelUser } from "../../../shared/contract/state.ts";
import type { TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import type { TunnelError } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import { approvalQuestion } from "../../model/asking/approval-question.ts";
import { failedTunnel } from "../../model/failures/failed-tunnel.ts";
import { failureBrief, failuresBrief } from "../../model/failures/failure-brief.ts";
import { failureActionLabel, failureHelp } from "../../model/failures/failure-help.ts";
import type { Translate } from "../../model/translate.ts";
import type { TunnelItem } from "../../model/tunnel-item.ts";
import { userText } from "../../model/view/tunnel-facts.ts";
import { listenOf, roleOf, targetOf, tunnelName } from "../../model/view/tunnel-row.ts";
import type { ApprovalPurpose } from "../../tunnels/approving.ts";
import type { ActionsUi, FailedOpening } from "../../tunnels/tunnel-actions.ts";
import { askApprovals } from "../approval-page.ts";
import { mendFailure, type TunnelFinder } from "./mend-failure.ts";

/** What the dialogs are made from. */
export interface ActionsUiParts {
  readonly t: Translate;
  readonly log: Pick<vscode.LogOutputChannel, "info" | "warn">;
  /** Knows more about a tunnel than its reference says: for example the key to import. */
  readonly store: TunnelFinder;
}

/** See the file's header. */
export function createActionsUi(parts: ActionsUiParts): ActionsUi {
  const { t } = parts;
  return {
    requireTrust: () => Promise.resolve(requireTrust(t)),
    askApproval: (facts, purpose) => askApproval(facts, purpose, t),
    askApprovals: (facts) => askApprovals(facts, t),
    confirmOpen: (item) => confirmOpen(item, t),
    confirmClose: (item, others) => confirmClose(item, others, t),
    showFailure: (ref, failure, again) => showFailure({ ref, failure, again }, parts),
    showFailures: (failed, total, again) => showFailures({ failed, total, again }, parts),
    withProgress: (title, work) => withProgress(title, work),
  };
}

/** Does not wait for the answer: whatever waits for trust starts again when trust is granted. */
function requireTrust(t: Translate): boolean {
  if (vscode.workspace.isTrusted) return true;
  const manage = t("Manage Workspace Trust");
  const text = t("Tunnels open only in a trusted workspace: its files decide where your programs connect.");
  void vscode.window.showWarningMessage(text, manage).then((choice) => {
    if (choice === manage) void vscode.commands.executeCommand("workbench.trust.manage");
  });
  return false;
}

async function askApproval(facts: ApprovalFacts, purpose: ApprovalPurpose, t: Translate): Promise<boolean | "open"> {
  const { title, detail, why, approve, approveAndOpen } = approvalQuestion(facts, t);
  const look = t("Show in tunnels.json");
  const buttons = { open: [approveAndOpen], review: [approveAndOpen, approve], use: [approve] }[purpose];
  const choice = await vscode.window.showWarningMessage(title, { modal: true, detail: `${why}\n\n${detail}` }, ...buttons, look);
  if (choice === look) void vscode.commands.executeCommand(COMMANDS.reveal, { configPath: facts.configPath, name: facts.name });
  return choice === approveAndOpen ? "open" : choice === approve;
}

async function confirmOpen(item: TunnelItem, t: Translate): Promise<boolean> {
  const open = t("Open");
  const detail = t("It connects {0} to {1}. Its entry asks for confirmation each time.", listenOf(item, t) ?? "", targetOf(item));
  return (await vscode.window.showWarningMessage(t("Open the tunnel {0}?", tunnelName(item)), { modal: true, detail }, open)) === open;
}

async function confirmClose(item: TunnelItem, others: readonly TunnelUser[], t: Translate): Promise<boolean> {
  const close = t("Close for All");
  const detail = [t("It is closed for this window. Still in use by:"), ...others.map((user) => userText(user, t))].join("\n");
  return (await vscode.window.showWarningMessage(t("Close the tunnel {0} for all?", tunnelName(item)), { modal: true, detail }, close)) === close;
}

/** A failure, and how to repeat the failed action. */
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
  const text = failureBrief(failure, ref && failedTunnel(ref.name, item, t), t);
  const actions = help.actions.map((action) => ({ title: failureActionLabel(action, t), action }));
  void showPassing(text, actions).then((choice) => choice && (choice.action === "retry" ? again?.() : mendFailure(choice.action, ref, store)));
}

/** Failures of tunnels that were opened together, and how to open those once more. */
interface FailedTogether {
  readonly failed: readonly FailedOpening[];
  readonly total: number;
  readonly again: (() => unknown) | undefined;
}

function showFailures({ failed, total, again }: FailedTogether, { t, log }: ActionsUiParts): void {
  for (const { ref, error } of failed) log.warn(`${plainText(ref.name, { maxLength: 64 })}: ${plainText(error.message) || "see its state"} [${error.code}]`);
  const names = failed.map(({ ref, error }) => ({ name: ref.name, code: error.code }));
  const actions = [
    { title: t("Show Tunnels"), run: () => vscode.commands.executeCommand(COMMANDS.showTunnels) },
    ...(again ? [{ title: t("Try Again"), run: again }] : []),
  ];
  void showPassing(failuresBrief(names, total, t), actions).then((choice) => choice?.run());
}

/**
 * A failure is a warning, not an error: VS Code keeps an error that has buttons on the screen until somebody closes it, also
 * when the failure is over, and lets no extension close it. A warning leaves by itself, and its text again takes the place of
 * the same text. What is wrong now is in the tree and the status bar.
 */
function showPassing<T extends vscode.MessageItem>(text: string, actions: readonly T[]): Thenable<T | undefined> {
  return vscode.window.showWarningMessage(text, ...actions);
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
