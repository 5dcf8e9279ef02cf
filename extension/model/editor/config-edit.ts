/**
 * Changes of a tunnels.json: entries and their properties added, replaced and
 * removed, comments and layout kept. A text with a fault of syntax is not
 * changed: what was meant can't be known. Pure: text in, text out.
 */
import type { Node } from "jsonc-parser";
import { plainValue, propertyOf } from "../../../shared/contract/config-document.ts";
import { applyTextEdits, insertProperty, parseJson, removeProperty, replaceNode } from "./json-edit.ts";

/** An entry as it is written: without defaults. */
export type EntryText = Readonly<Record<string, unknown>>;

/**
 * The text with `entry` under `name`, added or in place of what is there; a whole new file when `text` is undefined
 * or blank; undefined when the text's mistakes have to be corrected first.
 */
export function setEntry(text: string | undefined, name: string, entry: EntryText): string | undefined {
  if (text === undefined || text.trim() === "") return `${JSON.stringify({ version: 1, tunnels: { [name]: entry } }, null, 2)}\n`;
  const root = cleanRoot(text);
  if (!root) return undefined;
  const tunnels = propertyOf(root, "tunnels")?.value;
  if (!tunnels) return changed(text, insertProperty(text, root, { name: "tunnels", value: { [name]: entry } }));
  if (tunnels.type !== "object") return undefined;
  const existing = propertyOf(tunnels, name)?.value;
  return changed(text, existing ? [replaceNode(text, existing, entry)] : insertProperty(text, tunnels, { name, value: entry }));
}

/** The text without the entry `name`; as it is when there is none; undefined as in {@link setEntry}. */
export function removeEntry(text: string, name: string): string | undefined {
  const root = cleanRoot(text);
  if (!root) return undefined;
  const property = propertyOf(propertyOf(root, "tunnels")?.value, name)?.key.parent;
  return property ? applyTextEdits(text, removeProperty(text, property)) : text;
}

/** One property of an entry, and what it is to be. */
export interface PropertyChange {
  readonly name: string;
  readonly property: string;
  readonly value: unknown;
}

/** The text with that property set; undefined when there is no such entry, or as in {@link setEntry}. */
export function setProperty(text: string, { name, property, value }: PropertyChange): string | undefined {
  const root = cleanRoot(text);
  const entry = root && propertyOf(propertyOf(root, "tunnels")?.value, name)?.value;
  if (entry?.type !== "object") return undefined;
  const existing = propertyOf(entry, property)?.value;
  return changed(text, existing ? [replaceNode(text, existing, value)] : insertProperty(text, entry, { name: property, value }));
}

/** An entry of a text as it is written there; undefined when there is none that could be read. */
export function readEntry(text: string, name: string): EntryText | undefined {
  const root = cleanRoot(text);
  const entry = root && propertyOf(propertyOf(root, "tunnels")?.value, name)?.value;
  return entry?.type === "object" ? (JSON.parse(JSON.stringify(plainValue(entry))) as EntryText) : undefined;
}

function cleanRoot(text: string): Node | undefined {
  const tree = parseJson(text);
  return tree?.clean && tree.root.type === "object" ? tree.root : undefined;
}

function changed(text: string, edits: Parameters<typeof applyTextEdits>[1]): string | undefined {
  return edits.length === 0 ? undefined : applyTextEdits(text, edits);
}
