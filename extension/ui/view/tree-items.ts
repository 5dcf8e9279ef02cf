/**
 * The rows of the tree as VS Code takes them: from the models' plain data to tree
 * items. No state, no decisions about words.
 */
import * as vscode from "vscode";
import { COMMANDS } from "../../ids.ts";
import type { Translate } from "../../model/translate.ts";
import { refOf, type TunnelItem } from "../../model/tunnel-item.ts";
import type { View } from "../../model/view/format.ts";
import type { TunnelFact } from "../../model/view/tunnel-fact.ts";
import { tunnelRow } from "../../model/view/tunnel-row.ts";
import type { TreeFolder } from "../../model/view/tunnel-tree.ts";

/** A file or a group. */
export interface FolderNode {
  readonly kind: "folder";
  readonly id: string;
  readonly branch: TreeFolder;
}

/** A tunnel; commands take it as their argument. The object stays while the tunnel is there. */
export interface TunnelNode {
  readonly kind: "tunnel";
  readonly id: string;
  item: TunnelItem;
  /** What its row said when it was last drawn. */
  drawn: string;
}

/** A row under a tunnel. The object stays while the row is there. */
export interface FactNode {
  readonly kind: "fact";
  readonly id: string;
  readonly tunnel: TunnelNode;
  fact: TunnelFact;
  /** What it said when it was last drawn. */
  drawn: string;
}

/** Any row. */
export type TreeNode = FolderNode | TunnelNode | FactNode;

/** The row of a node. */
export function treeItem(node: TreeNode, t: Translate): vscode.TreeItem {
  switch (node.kind) {
    case "folder":
      return folderItem(node);
    case "tunnel":
      return tunnelItem(node, t);
    case "fact":
      return factItem(node);
  }
}

/** What a tunnel's row says at length. */
export function tunnelTooltip(item: TunnelItem, view: View): string {
  const { label, stateText, description } = tunnelRow(item, view);
  return [`${label}: ${stateText}`, description].filter((line) => line !== "").join("\n");
}

function folderItem({ id, branch }: FolderNode): vscode.TreeItem {
  const shown = new vscode.TreeItem(branch.label, vscode.TreeItemCollapsibleState.Expanded);
  shown.id = id;
  shown.iconPath = new vscode.ThemeIcon(branch.kind === "source" ? "root-folder" : "folder");
  shown.contextValue = branch.kind;
  shown.tooltip = branch.label;
  return shown;
}

function tunnelItem({ id, item }: TunnelNode, t: Translate): vscode.TreeItem {
  const row = tunnelRow(item, { t, nowMs: Date.now() });
  const shown = new vscode.TreeItem(row.label, vscode.TreeItemCollapsibleState.Collapsed);
  shown.id = id;
  shown.description = row.description;
  shown.iconPath = new vscode.ThemeIcon(row.icon, row.iconColor === undefined ? undefined : new vscode.ThemeColor(row.iconColor));
  shown.contextValue = row.contextValue;
  shown.accessibilityInformation = { label: row.accessibleLabel };
  return shown;
}

function factItem({ id, fact, tunnel }: FactNode): vscode.TreeItem {
  const hasChildren = fact.children.length > 0;
  const shown = new vscode.TreeItem(fact.label, hasChildren ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None);
  shown.id = id;
  shown.description = fact.description;
  if (fact.icon !== undefined) shown.iconPath = new vscode.ThemeIcon(fact.icon);
  shown.contextValue = fact.contextValue;
  shown.tooltip = fact.tooltip;
  shown.accessibilityInformation = { label: fact.accessibleLabel };
  if (fact.command !== undefined) {
    const command = fact.command === "approve" ? COMMANDS.approve : COMMANDS.reveal;
    shown.command = { command, title: fact.label, arguments: [refOf(tunnel.item)] };
  }
  return shown;
}
