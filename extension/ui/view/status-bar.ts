/**
 * The one item of the status bar. It is hidden in a window without tunnels.
 * `view/status-summary.ts` makes its texts.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../../emitter.ts";
import { COMMANDS } from "../../ids.ts";
import { type StatusSummary, statusSummary, TOOLTIP_COMMANDS } from "../../model/view/status-summary.ts";
import type { Services } from "../../services.ts";

/** Shows the item and keeps it current. */
export function registerStatusBar({ store, t }: Services): Disposable {
  const owned = new Disposables();
  const item = owned.add(vscode.window.createStatusBarItem("tunnels", vscode.StatusBarAlignment.Left));
  item.name = t("Encrypted Tunnels");
  item.command = COMMANDS.showTunnels;
  let shown: string | undefined;
  const update = (): void => {
    const summary = statusSummary(store.items, t);
    // Counters change all the time, and a tooltip that is set again flickers.
    const now = JSON.stringify(summary ?? null);
    if (now === shown) return;
    shown = now;
    if (summary) show(item, summary);
    else item.hide();
  };
  owned.add(store.onDidChange(update));
  update();
  return owned;
}

function show(item: vscode.StatusBarItem, { text, isWarning, tooltipMarkdown, accessibleLabel }: StatusSummary): void {
  item.text = text;
  item.accessibilityInformation = { label: accessibleLabel, role: "button" };
  item.backgroundColor = isWarning ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  const tooltip = new vscode.MarkdownString(tooltipMarkdown, true);
  // Text from files is in code spans; and should it ever get out, it can run nothing else.
  tooltip.isTrusted = { enabledCommands: TOOLTIP_COMMANDS };
  item.tooltip = tooltip;
  item.show();
}
