/**
 * What stands above the tunnels in the tree: their files, when more than one has
 * tunnels, and the groups of their entries. Ids are stable, so that the tree keeps
 * what is expanded and selected. Plain data.
 */
import { plainText } from "../../../shared/plain-text.ts";
import { refKey, refOf, type TunnelItem, type TunnelSource } from "../tunnel-item.ts";

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

/** A row of the tree that is no fact. */
export type TreeBranch = TreeFolder | TreeLeaf;

/** The tree of these tunnels, in their order; groups come before what is in none. */
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

function grouped(items: readonly TunnelItem[]): TreeBranch[] {
  const groups = new Map<string, TreeLeaf[]>();
  const alone: TreeLeaf[] = [];
  for (const item of items) {
    const leaf: TreeLeaf = { kind: "tunnel", id: `tunnel\n${refKey(refOf(item))}`, item };
    const group = item.entry?.group ?? item.status?.group;
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
