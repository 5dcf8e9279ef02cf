/**
 * What a quick fix of a tunnels.json is, and the small parts that fixes are made
 * of. `quick-fixes.ts` says which fix belongs to which mistake. Pure.
 */
import type { Node } from "jsonc-parser";
import type { TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import type { Translate } from "../translate.ts";
import { replaceNode, type TextEdit } from "./json-edit.ts";

/** One way to fix a mistake. */
export interface QuickFix {
  readonly title: string;
  /** Most likely what the user meant. */
  readonly preferred: boolean;
  readonly does:
    | { readonly at: "edit"; readonly edits: readonly TextEdit[] }
    | { readonly at: "command"; readonly command: string; readonly argument: TunnelRef | { readonly name: string } }
    /** A port must be found first: then {@link portEdit}. */
    | { readonly at: "free-port"; readonly listen: ListenSpot };
}

/** Where a listen address is in the text, and its host if it has one. */
export interface ListenSpot {
  readonly offset: number;
  readonly length: number;
  readonly host: string | undefined;
}

/** What fixes are made from. */
export interface FixContext {
  readonly text: string;
  /** The text of tunnels.local.json when `text` is that of tunnels.json: properties set in the overrides are not missing. */
  readonly overrides?: string | undefined;
  /** For a missing "key": the name of a key of this machine. */
  readonly key?: string | undefined;
  /** For a missing "listen". */
  readonly port: number;
  readonly t: Translate;
}

/** A node's place: property names from the root inwards, and whether the node is the name or the value of the last property. */
export interface FixSpot {
  readonly on: "key" | "value";
  readonly names: readonly string[];
  readonly node: Node;
  /** The property that the node belongs to, and the object around that property. */
  readonly property: Node;
  readonly object: Node;
}

/** The edit for `free-port`, once a port has been found. */
export function portEdit({ offset, length, host }: ListenSpot, port: number): TextEdit {
  return { offset, length, content: host === undefined ? String(port) : JSON.stringify(`${host}:${port}`) };
}

/** The listen address at a node, if its port can be replaced. */
export function listenSpot(node: Node): ListenSpot | undefined {
  const { offset, length, value } = node;
  if (typeof value === "number") return { offset, length, host: undefined };
  const host = typeof value === "string" ? /^(\[[^\]]+\]|[^:/]+):\d+$/.exec(value)?.[1] : undefined;
  return host === undefined ? undefined : { offset, length, host };
}

/** A fix that consists of edits. */
export function edit(title: string, edits: readonly TextEdit[], { preferred }: { readonly preferred: boolean }): QuickFix {
  return { title, preferred, does: { at: "edit", edits } };
}

/** A fix that replaces a value. */
export function replacement(title: string, { text, node, value }: { readonly text: string; readonly node: Node; readonly value: unknown }): QuickFix {
  return edit(title, [replaceNode(text, node, value)], { preferred: true });
}
