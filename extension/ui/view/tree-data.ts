/**
 * The tree of tunnels: folders by file and group, tunnels, and under each the facts
 * about it. Ids and the tunnels' objects stay, so that what is expanded or selected
 * stays so. While nobody looks, the daemon is not asked for counters and no fact is
 * drawn. What rows say is made in `model/`.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../../emitter.ts";
import { PREFIX, TUNNELS_VIEW } from "../../ids.ts";
import { isUnwritten, worthAMessage } from "../../model/editor/config-offer.ts";
import { isOpen } from "../../model/tunnel-item.ts";
import type { View } from "../../model/view/format.ts";
import type { TunnelFact } from "../../model/view/tunnel-fact.ts";
import { tunnelFacts } from "../../model/view/tunnel-facts.ts";
import { isTroubled, tunnelRow } from "../../model/view/tunnel-row.ts";
import { type TreeBranch, type TreeLeaf, tunnelTree } from "../../model/view/tunnel-tree.ts";
import { viewMessage } from "../../model/view/view-message.ts";
import type { Services } from "../../services.ts";
import { folderFiles } from "../editor/open-files.ts";
import { type FactNode, type TreeNode, type TunnelNode, treeItem, tunnelTooltip } from "./tree-items.ts";

/** Our choice: the rate of counters and ages. */
const REFRESH_MS = 1_000;

const NONE: ReadonlySet<string> = new Set();

/** Shows the tree and keeps it current. */
export function registerTreeView(services: Services): Disposable {
  const owned = new Disposables();
  const tree = owned.add(new TunnelTree(services));
  const view = owned.add(vscode.window.createTreeView<TreeNode>(TUNNELS_VIEW, { treeDataProvider: tree, showCollapseAll: true }));
  owned.add(new TreeUpdates(services, tree, view));
  return owned;
}

class TunnelTree implements vscode.TreeDataProvider<TreeNode>, Disposable {
  readonly #services: Services;
  readonly #changed = new vscode.EventEmitter<TreeNode[] | undefined>();
  /** By id: VS Code draws the very object anew that it was given. */
  readonly #tunnels = new Map<string, TunnelNode>();
  /** By the tunnel's id, then by the fact's. */
  readonly #facts = new Map<string, ReadonlyMap<string, FactNode>>();
  #outline = "";

  constructor(services: Services) {
    this.#services = services;
  }

  readonly onDidChangeTreeData = this.#changed.event;

  dispose(): void {
    this.#changed.dispose();
  }

  /**
   * Draws what has changed and nothing else: a row that is drawn anew under the pointer loses a click or a menu. Facts
   * are looked at under the tunnels with these ids.
   */
  update(expanded: ReadonlySet<string>): void {
    const branches = tunnelTree(this.#services.store.items);
    const outline = JSON.stringify(outlineOf(branches));
    if (outline !== this.#outline) {
      this.#outline = outline;
      this.#changed.fire(undefined);
      return;
    }
    const changed = leavesOf(branches).flatMap((leaf): TreeNode[] => {
      const node = this.#tunnelNode(leaf);
      if (node.drawn !== this.#rowText(node)) return [node];
      return expanded.has(node.id) ? this.#changedFacts(node) : [];
    });
    if (changed.length > 0) this.#changed.fire(changed);
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
    if (node.kind === "tunnel") node.drawn = this.#rowText(node);
    if (node.kind === "fact") node.drawn = factText(node.fact);
    return treeItem(node, this.#services.t);
  }

  /** Only when it is looked at: it has ages. */
  resolveTreeItem(shown: vscode.TreeItem, node: TreeNode): vscode.TreeItem {
    if (node.kind === "tunnel") shown.tooltip = tunnelTooltip(node.item, this.#view());
    return shown;
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
    return branches.map((branch) => this.#nodeOf(branch));
  }

  #nodeOf(branch: TreeBranch): TreeNode {
    return branch.kind === "tunnel" ? this.#tunnelNode(branch) : { kind: "folder", id: branch.id, branch };
  }

  #tunnelNode({ id, item }: TreeLeaf): TunnelNode {
    const node = this.#tunnels.get(id) ?? { kind: "tunnel", id, item, drawn: "" };
    node.item = item;
    this.#tunnels.set(id, node);
    return node;
  }

  /** Without ages, which the row itself does not show. */
  #rowText({ item }: TunnelNode): string {
    const { stateText, ...row } = tunnelRow(item, { t: this.#services.t, nowMs: 0 });
    return JSON.stringify(row);
  }

  #factsOf(tunnel: TunnelNode): FactNode[] {
    const facts = tunnelFacts(tunnel.item, this.#view());
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

/** What stands where. */
function outlineOf(branches: readonly TreeBranch[]): unknown[] {
  return branches.map((branch) => (branch.kind === "tunnel" ? branch.id : [branch.id, branch.label, outlineOf(branch.children)]));
}

function flat(facts: readonly TunnelFact[]): TunnelFact[] {
  return facts.flatMap((fact) => [fact, ...flat(fact.children)]);
}

/** What a row says, its children left out: they are rows of their own. */
function factText({ children, ...own }: TunnelFact): string {
  return JSON.stringify([own, children.length > 0]);
}

/** When the tree is drawn, and what stands around it: message, badge, context keys. */
class TreeUpdates implements Disposable {
  readonly #services: Services;
  readonly #tree: TunnelTree;
  readonly #view: vscode.TreeView<TreeNode>;
  readonly #owned = new Disposables();
  /** Ids of tunnels whose facts are in sight. */
  readonly #expanded = new Set<string>();
  readonly #context = new Map<string, boolean>();
  #timer: NodeJS.Timeout | undefined;
  #drawnMs = 0;

  constructor(services: Services, tree: TunnelTree, view: vscode.TreeView<TreeNode>) {
    this.#services = services;
    this.#tree = tree;
    this.#view = view;
    this.#owned.add(services.store.onDidChange(() => this.#update()));
    this.#owned.add(services.link.onDidChangeState(() => this.#updateSurroundings()));
    this.#owned.add(view.onDidChangeVisibility(() => this.#onLook()));
    this.#owned.add(view.onDidExpandElement(({ element }) => this.#onExpand(element, true)));
    this.#owned.add(view.onDidCollapseElement(({ element }) => this.#onExpand(element, false)));
    this.#update();
    this.#onLook();
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#owned.dispose();
  }

  #onExpand(node: TreeNode, isExpanded: boolean): void {
    if (node.kind !== "tunnel") return;
    if (isExpanded) this.#expanded.add(node.id);
    else this.#expanded.delete(node.id);
    this.#onLook();
  }

  /** Counters are asked for while somebody sees any. */
  #onLook(): void {
    const isSeen = this.#view.visible && this.#expanded.size > 0;
    if (isSeen === (this.#timer !== undefined)) return;
    void this.#services.link.watchStats(isSeen ? REFRESH_MS : undefined);
    clearInterval(this.#timer);
    this.#timer = isSeen ? setInterval(() => this.#onTick(), REFRESH_MS) : undefined;
    if (isSeen) this.#update();
  }

  /** Ages go on without a word of the daemon; while it sends counters, these draw. */
  #onTick(): void {
    if (performance.now() - this.#drawnMs > REFRESH_MS * 0.9) this.#update();
  }

  #update(): void {
    this.#drawnMs = performance.now();
    this.#tree.update(this.#view.visible ? this.#expanded : NONE);
    this.#updateSurroundings();
  }

  #updateSurroundings(): void {
    const { store, link, sources, t } = this.#services;
    const { items } = store;
    this.#setContext("hasTunnels", items.length > 0);
    this.#setContext("hasOpenTunnels", items.some(isOpen));
    const files = folderFiles(this.#services);
    this.#setContext("hasConfig", files.length > 0 && !files.some(isUnwritten));
    const troubled = items.filter(isTroubled).length;
    if ((this.#view.badge?.value ?? 0) !== troubled) {
      this.#view.badge = troubled === 0 ? undefined : { value: troubled, tooltip: t("Tunnels that don't work: {0}", troubled) };
    }
    const daemonError = link.state.at === "lost" ? link.state.error : undefined;
    const configs = worthAMessage(sources.configs, { files, isWelcomeShown: items.length === 0 });
    const message = viewMessage({ daemonError, configs }, t);
    if ((this.#view.message ?? "") !== (message ?? "")) this.#view.message = message ?? "";
  }

  #setContext(name: string, value: boolean): void {
    if (this.#context.get(name) === value) return;
    this.#context.set(name, value);
    void vscode.commands.executeCommand("setContext", `${PREFIX}.${name}`, value);
  }
}
