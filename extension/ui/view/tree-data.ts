/**
 * The rows of the tree: folders by file and group, tunnels, and the facts under each
 * tunnel. Ids and node objects stay the same, so that expanded and selected rows
 * stay so, and only rows that have changed are drawn again. `model/` makes the texts
 * of the rows.
 */
import * as vscode from "vscode";
import type { Disposable } from "../../emitter.ts";
import { refOf } from "../../model/tunnel-item.ts";
import type { View } from "../../model/view/format.ts";
import type { TunnelFact } from "../../model/view/tunnel-fact.ts";
import { tunnelFacts } from "../../model/view/tunnel-facts.ts";
import { markOf } from "../../model/view/tunnel-mark.ts";
import { tunnelRow } from "../../model/view/tunnel-row.ts";
import { folderRow, type TreeBranch, type TreeFolder, type TreeLeaf, tunnelTree } from "../../model/view/tunnel-tree.ts";
import type { Services } from "../../services.ts";
import { type FactNode, type FolderNode, type TreeNode, type TunnelNode, treeItem, tunnelTooltip } from "./tree-items.ts";

/** Our choice: the steps of a tooltip's ages are longer. */
const TOOLTIP_CHECK_MS = 5_000;

/** Our choice: between the states of a tunnel that opens there is mostly less. */
const CALM_MS = 500;

/** See the file's header. */
export class TunnelTree implements vscode.TreeDataProvider<TreeNode>, Disposable {
  readonly #services: Services;
  readonly #changed = new vscode.EventEmitter<TreeNode[] | undefined>();
  /** By id: to redraw a row, VS Code needs the same object that it was given. */
  readonly #tunnels = new Map<string, TunnelNode>();
  readonly #folders = new Map<string, FolderNode>();
  /** By the tunnel's id, then by the fact's. */
  readonly #facts = new Map<string, ReadonlyMap<string, FactNode>>();
  #outline = "";
  /** Runs while VS Code has tooltips that grow old. */
  #ageing: NodeJS.Timeout | undefined;
  #counting: NodeJS.Timeout | undefined;

  constructor(services: Services) {
    this.#services = services;
  }

  readonly onDidChangeTreeData = this.#changed.event;

  dispose(): void {
    clearInterval(this.#ageing);
    clearTimeout(this.#counting);
    this.#changed.dispose();
  }

  /**
   * Redraws only what has changed: a row that is redrawn under the pointer loses a click or a menu. Facts are checked
   * only under the tunnels with the ids in `expanded`.
   */
  update(expanded: ReadonlySet<string>): void {
    const branches = tunnelTree(this.#services.store.items);
    const outline = JSON.stringify(outlineOf(branches));
    if (outline !== this.#outline) {
      this.#outline = outline;
      this.#changed.fire(undefined);
      return;
    }
    for (const folder of foldersOf(branches)) this.#folderNode(folder);
    if (this.#folders.size > 0) this.#counting ??= setTimeout(() => this.#renewFolders(), CALM_MS);
    const changed = leavesOf(branches).flatMap((leaf): TreeNode[] => {
      const node = this.#tunnelNode(leaf);
      if (node.drawn !== this.#rowText(node) || this.#hasOldTooltip(node)) return [node];
      return expanded.has(node.id) ? this.#changedFacts(node) : [];
    });
    if (changed.length > 0) this.#changed.fire(changed);
  }

  /**
   * VS Code forgets the rows of a folder that is drawn again until it has asked for them, and a click on one of them in
   * that moment finds no tunnel: the changes of some time are drawn together.
   */
  #renewFolders(): void {
    this.#counting = undefined;
    const old = [...this.#folders.values()].filter((node) => node.drawn !== "" && node.drawn !== this.#folderText(node));
    if (old.length > 0) this.#changed.fire(old);
  }

  getChildren(node?: TreeNode): TreeNode[] {
    switch (node?.kind) {
      case undefined:
        return this.#roots();
      case "folder":
        return node.branch.children.map((branch) => this.#nodeOf(branch));
      case "tunnel":
        return this.#factsOf(node);
      case "fact":
        return this.#childrenOf(node);
    }
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    if (node.kind === "folder") node.drawn = this.#folderText(node);
    if (node.kind === "tunnel") {
      node.drawn = this.#rowText(node);
      node.tooltip = undefined;
    }
    if (node.kind === "fact") node.drawn = factText(node.fact);
    return treeItem(node, this.#services.t);
  }

  /** The tooltip is made only when it is shown, because it has ages. VS Code keeps it until the row is drawn again. */
  resolveTreeItem(shown: vscode.TreeItem, node: TreeNode): vscode.TreeItem {
    if (node.kind !== "tunnel") return shown;
    node.tooltip = this.#tooltip(node);
    shown.tooltip = node.tooltip;
    this.#ageing ??= setInterval(() => this.#renewTooltips(), TOOLTIP_CHECK_MS);
    return shown;
  }

  /** Has VS Code ask again for tooltips that say something old: once each, until they are shown again. */
  #renewTooltips(): void {
    const old = [...this.#tunnels.values()].filter((node) => this.#hasOldTooltip(node));
    if (old.length > 0) this.#changed.fire(old);
    if ([...this.#tunnels.values()].some(({ tooltip }) => tooltip !== undefined)) return;
    clearInterval(this.#ageing);
    this.#ageing = undefined;
  }

  #hasOldTooltip(node: TunnelNode): boolean {
    return node.tooltip !== undefined && node.tooltip !== this.#tooltip(node);
  }

  /** In steps of a minute: a row that is drawn again each second would be in the way of its user. */
  #tooltip({ item }: TunnelNode): string {
    return tunnelTooltip(item, { ...this.#view(), steps: "minutes" });
  }

  #view(): View {
    return { t: this.#services.t, nowMs: Date.now() };
  }

  #roots(): TreeNode[] {
    const branches = tunnelTree(this.#services.store.items);
    const live = new Set(leavesOf(branches).map(({ id }) => id));
    for (const id of [...this.#tunnels.keys()]) {
      if (live.has(id)) continue;
      this.#tunnels.delete(id);
      this.#facts.delete(id);
    }
    const folders = new Set(foldersOf(branches).map(({ id }) => id));
    for (const id of [...this.#folders.keys()]) if (!folders.has(id)) this.#folders.delete(id);
    return branches.map((branch) => this.#nodeOf(branch));
  }

  #nodeOf(branch: TreeBranch): TreeNode {
    return branch.kind === "tunnel" ? this.#tunnelNode(branch) : this.#folderNode(branch);
  }

  #folderNode(branch: TreeFolder): FolderNode {
    const node = this.#folders.get(branch.id) ?? { kind: "folder", id: branch.id, branch, drawn: "" };
    node.branch = branch;
    this.#folders.set(branch.id, node);
    return node;
  }

  #folderText({ branch }: FolderNode): string {
    return JSON.stringify(folderRow(branch, this.#services.t));
  }

  #tunnelNode({ id, item }: TreeLeaf): TunnelNode {
    const node = this.#tunnels.get(id) ?? { kind: "tunnel", id, item, drawn: "", tooltip: undefined };
    node.item = item;
    this.#tunnels.set(id, node);
    return node;
  }

  /** The row's content without ages, which the row does not show. */
  #rowText({ item }: TunnelNode): string {
    const { stateText, ...row } = tunnelRow(item, { t: this.#services.t, nowMs: 0 });
    return JSON.stringify([row, markOf(item)]);
  }

  #factsOf(tunnel: TunnelNode): FactNode[] {
    const facts = tunnelFacts(tunnel.item, this.#view(), this.#services.histories.eventsOf(refOf(tunnel.item)));
    const before = this.#facts.get(tunnel.id);
    const nodes = flat(facts).map((fact): [string, FactNode] => {
      const node = before?.get(fact.id) ?? { kind: "fact", id: `${tunnel.id}\nfact\n${fact.id}`, tunnel, fact, drawn: "" };
      node.fact = fact;
      return [fact.id, node];
    });
    const known = new Map(nodes);
    this.#facts.set(tunnel.id, known);
    return facts.flatMap(({ id }) => known.get(id) ?? []);
  }

  #childrenOf({ fact, tunnel }: FactNode): FactNode[] {
    const known = this.#facts.get(tunnel.id);
    return fact.children.flatMap(({ id }) => known?.get(id) ?? []);
  }

  #changedFacts(tunnel: TunnelNode): TreeNode[] {
    const before = [...(this.#facts.get(tunnel.id)?.keys() ?? [])].join();
    this.#factsOf(tunnel);
    const now = this.#facts.get(tunnel.id) ?? new Map<string, FactNode>();
    if ([...now.keys()].join() !== before) return [tunnel];
    return [...now.values()].filter(({ drawn, fact }) => drawn !== "" && drawn !== factText(fact));
  }
}

function leavesOf(branches: readonly TreeBranch[]): TreeLeaf[] {
  return branches.flatMap((branch) => (branch.kind === "tunnel" ? [branch] : leavesOf(branch.children)));
}

function foldersOf(branches: readonly TreeBranch[]): TreeFolder[] {
  return branches.flatMap((branch) => (branch.kind === "tunnel" ? [] : [branch, ...foldersOf(branch.children)]));
}

/** Which rows are where in the tree. */
function outlineOf(branches: readonly TreeBranch[]): unknown[] {
  return branches.map((branch) => (branch.kind === "tunnel" ? branch.id : [branch.id, branch.label, outlineOf(branch.children)]));
}

function flat(facts: readonly TunnelFact[]): TunnelFact[] {
  return facts.flatMap((fact) => [fact, ...flat(fact.children)]);
}

/** The row's content without its children: they are rows of their own. */
function factText({ children, ...own }: TunnelFact): string {
  return JSON.stringify([own, children.length > 0]);
}
