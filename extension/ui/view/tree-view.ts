/**
 * The tree of tunnels and what surrounds it: message, badge, context keys. While
 * nobody looks, the daemon is not asked for counters and no fact is drawn.
 * `tree-data.ts` has the rows.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../../emitter.ts";
import { PREFIX, TUNNELS_VIEW } from "../../ids.ts";
import { isUnwritten, worthAMessage } from "../../model/editor/config-offer.ts";
import { isOpen, isVerified } from "../../model/tunnel-item.ts";
import { isTroubled } from "../../model/view/tunnel-row.ts";
import { viewMessage } from "../../model/view/view-message.ts";
import type { Services } from "../../services.ts";
import { folderFiles } from "../editor/open-files.ts";
import { TunnelTree } from "./tree-data.ts";
import type { TreeNode } from "./tree-items.ts";

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

/** Decides when the tree is drawn, and updates what surrounds it: message, badge, context keys. */
class TreeUpdates implements Disposable {
  readonly #services: Services;
  readonly #tree: TunnelTree;
  readonly #view: vscode.TreeView<TreeNode>;
  readonly #owned = new Disposables();
  /** Ids of tunnels whose facts are visible. */
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

  /** Asks the daemon for counters while any are visible. */
  #onLook(): void {
    const isSeen = this.#view.visible && this.#expanded.size > 0;
    if (isSeen === (this.#timer !== undefined)) return;
    void this.#services.link.watchStats(isSeen ? REFRESH_MS : undefined);
    clearInterval(this.#timer);
    this.#timer = isSeen ? setInterval(() => this.#onTick(), REFRESH_MS) : undefined;
    if (isSeen) this.#update();
  }

  /** Redraws the ages, which change without any message from the daemon. While the daemon sends counters, they trigger the redraw. */
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
    this.#setContext("hasVerifiedTunnels", items.some(isVerified));
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
