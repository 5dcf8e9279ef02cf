/**
 * The levels above the tunnels in the tree: their files, if more than one file has
 * tunnels, and the groups of their entries. Ids are stable, so that the tree
 * remembers what is expanded and selected. Plain data.
 */

import { refKey } from "../../../shared/contract/tunnel-ref.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import { isOn, isWorking, refOf, type TunnelItem, type TunnelSource } from "../tunnel-item.ts";
import { isTroubled } from "./tunnel-row.ts";

/** A folder of the tree. */
export interface TreeFolder {
  readonly kind: "source" | "group";
  readonly id: string;
  readonly label: string;
  readonly children: readonly TreeBranch[];
}

/** A tunnel of the tree. */
export interface TreeLeaf {
  readonly kind: "tunnel";
  readonly id: string;
  readonly item: TunnelItem;
}

/** A row of the tree that is not a fact. */
export type TreeBranch = TreeFolder | TreeLeaf;

/** A folder as a row. */
export interface FolderRow {
  readonly label: string;
  /** `2/7`: so many of its tunnels work. */
  readonly description: string;
  /** KIND;can-open;can-close, each only if it can: what package.json's menus look at. */
  readonly contextValue: string;
  readonly accessibleLabel: string;
}

/** The row of a folder: what can be done with its tunnels, and how many of them work. */
export function folderRow(folder: TreeFolder, t: Translate): FolderRow {
  const items = itemsOf(folder);
  const working = items.filter(isWorking).length;
  const troubled = items.filter(isTroubled).length;
  const isUnknown = items.some((item) => item.isUnknown === true);
  const canOpen = items.some((item) => item.entry !== undefined && !isOn(item) && !item.busy);
  const parts = isUnknown ? [] : [t("{0} of {1} open", working, items.length), ...(troubled > 0 ? [t("{0} not working", troubled)] : [])];
  return {
    label: folder.label,
    description: isUnknown ? "" : `${working}/${items.length}`,
    contextValue: [folder.kind, ...(canOpen ? ["can-open"] : []), ...(items.some(isOn) ? ["can-close"] : [])].join(";"),
    accessibleLabel: [folder.label, ...parts].join(", "),
  };
}

/** The tunnels in a folder, at every depth. */
export function itemsOf({ children }: TreeFolder): TunnelItem[] {
  return children.flatMap((branch) => (branch.kind === "tunnel" ? [branch.item] : itemsOf(branch)));
}

/** The tree of these tunnels, in their order; groups come before tunnels without a group. */
export function tunnelTree(items: readonly TunnelItem[]): TreeBranch[] {
  const sources = new Map<string, { readonly source: TunnelSource; readonly items: TunnelItem[] }>();
  for (const item of items) {
    const { source } = item;
    const known = sources.get(source.configPath) ?? { source, items: [] };
    known.items.push(item);
    sources.set(source.configPath, known);
  }
  if (sources.size <= 1) return grouped(items);
  return [...sources.values()].map(({ source, items: own }) => ({
    kind: "source",
    id: `source\n${source.configPath}`,
    label: plainText(source.label, { maxLength: 120 }),
    children: grouped(own),
  }));
}

/** The group that a tunnel belongs to. */
export function groupName({ entry, status }: TunnelItem): string | undefined {
  return entry?.group ?? status?.group;
}

function grouped(items: readonly TunnelItem[]): TreeBranch[] {
  const groups = new Map<string, TreeLeaf[]>();
  const alone: TreeLeaf[] = [];
  for (const item of items) {
    const leaf: TreeLeaf = { kind: "tunnel", id: `tunnel\n${refKey(refOf(item))}`, item };
    const group = groupName(item);
    if (group === undefined) alone.push(leaf);
    else groups.set(group, [...(groups.get(group) ?? []), leaf]);
  }
  const folders = [...groups].map(
    ([group, children]): TreeFolder => ({
      kind: "group",
      id: `group\n${children[0]?.item.source.configPath}\n${group}`,
      label: plainText(group, { maxLength: 64 }),
      children,
    }),
  );
  return [...folders, ...alone];
}
