/**
 * The rows of the tree in VS Code's form: makes tree items from the models' plain
 * data. Has no state, and decides no texts.
 */
import * as vscode from "vscode";
import { COMMANDS } from "../../ids.ts";
import type { Translate } from "../../model/translate.ts";
import { refOf, type TunnelItem } from "../../model/tunnel-item.ts";
import type { View } from "../../model/view/format.ts";
import type { TunnelFact } from "../../model/view/tunnel-fact.ts";
import { markOf, markText } from "../../model/view/tunnel-mark.ts";
import { tunnelRow } from "../../model/view/tunnel-row.ts";
import { folderRow, type TreeFolder } from "../../model/view/tunnel-tree.ts";
import { markUri } from "./tree-marks.ts";

/** A file or a group; commands take the node as their argument. The object stays the same while the folder exists. */
export interface FolderNode {
  readonly kind: "folder";
  readonly id: string;
  branch: TreeFolder;
  /** The content of the row when it was last drawn. */
  drawn: string;
}

/** A tunnel; commands take the node as their argument. The object stays the same while the tunnel exists. */
export interface TunnelNode {
  readonly kind: "tunnel";
  readonly id: string;
  item: TunnelItem;
  /** The content of the row when it was last drawn. */
  drawn: string;
  /** The tooltip that VS Code has; undefined: it asks when it needs one. */
  tooltip: string | undefined;
}

/** A row under a tunnel. The object stays the same while the row exists. */
export interface FactNode {
  readonly kind: "fact";
  readonly id: string;
  readonly tunnel: TunnelNode;
  fact: TunnelFact;
  /** The row's content when it was last drawn. */
  drawn: string;
}

/** Any row. */
export type TreeNode = FolderNode | TunnelNode | FactNode;

/** The row of a node. */
export function treeItem(node: TreeNode, t: Translate): vscode.TreeItem {
  switch (node.kind) {
    case "folder":
      return folderItem(node, t);
    case "tunnel":
      return tunnelItem(node, t);
    case "fact":
      return factItem(node);
  }
}

/** The tooltip of a tunnel's row. */
export function tunnelTooltip(item: TunnelItem, view: View): string {
  const { label, stateText, addresses } = tunnelRow(item, view);
  const mark = markOf(item);
  return [`${label}: ${stateText}`, addresses, mark ? markText(mark, view.t) : ""].filter((line) => line !== "").join("\n");
}

function folderItem({ id, branch }: FolderNode, t: Translate): vscode.TreeItem {
  const row = folderRow(branch, t);
  const shown = new vscode.TreeItem(row.label, vscode.TreeItemCollapsibleState.Expanded);
  shown.id = id;
  shown.description = row.description;
  shown.iconPath = new vscode.ThemeIcon(branch.kind === "source" ? "root-folder" : "folder");
  shown.contextValue = row.contextValue;
  shown.tooltip = row.accessibleLabel;
  shown.accessibilityInformation = { label: row.accessibleLabel };
  return shown;
}

function tunnelItem({ id, item }: TunnelNode, t: Translate): vscode.TreeItem {
  const row = tunnelRow(item, { t, nowMs: Date.now() });
  const shown = new vscode.TreeItem(row.label, vscode.TreeItemCollapsibleState.Collapsed);
  shown.id = id;
  shown.description = row.description;
  shown.iconPath = new vscode.ThemeIcon(row.icon, row.iconColor === undefined ? undefined : new vscode.ThemeColor(row.iconColor));
  const mark = markOf(item);
  if (mark) shown.resourceUri = markUri(mark);
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
