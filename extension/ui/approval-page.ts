/**
 * Asks about several tunnels in an editor tab, because a dialog has no boxes and a
 * quick pick cuts its rows. `asking/approval-page.ts` makes the page. What the page
 * answers are places in the list that it was made from: digests never pass through it.
 */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import { approvalPage, approvalPageTitle, tickedOf } from "../model/asking/approval-page.ts";
import type { Translate } from "../model/translate.ts";

/** Resolves to the entries that the user has ticked and approved; to none if the tab was closed. */
export function askApprovals(facts: readonly ApprovalFacts[], t: Translate): Promise<readonly ApprovalFacts[]> {
  const title = approvalPageTitle(facts.length, t);
  const panel = vscode.window.createWebviewPanel("encryptedTunnels.approvals", title, vscode.ViewColumn.Active, {
    enableScripts: true,
    localResourceRoots: [],
    // Ticks survive a look at tunnels.json.
    retainContextWhenHidden: true,
  });
  return new Promise((resolve) => {
    panel.onDidDispose(() => resolve([]));
    panel.webview.onDidReceiveMessage((message: unknown) => {
      const ticked = tickedOf(message, facts.length);
      if (!ticked) return;
      resolve(facts.filter((_, index) => ticked.includes(index)));
      panel.dispose();
    });
    panel.webview.html = approvalPage(facts, { t, nonce: randomBytes(16).toString("hex"), language: vscode.env.language });
  });
}
