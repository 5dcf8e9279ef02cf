/**
 * Changes a tunnels.json: adds, replaces and removes entries and their properties,
 * and keeps comments and layout. A text with a syntax error is not changed, because
 * its meaning is unclear. Pure: text in, text out.
 */
import type { Node } from "jsonc-parser";
import { plainValue, propertyOf } from "../../../shared/contract/config-document.ts";
import { applyTextEdits, insertProperty, parseJson, removeProperty, renameKey, replaceNode } from "./json-edit.ts";

/** An entry as it is written in a file: without defaults. */
export type EntryText = Readonly<Record<string, unknown>>;

/**
 * The text with `entry` under `name`, added or in place of an existing entry; a whole new file when `text` is undefined
 * or blank; undefined when the text has mistakes that must be corrected first.
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

/** The text without the entry `name`; unchanged when there is no such entry; undefined as in {@link setEntry}. */
export function removeEntry(text: string, name: string): string | undefined {
  const root = cleanRoot(text);
  if (!root) return undefined;
  const property = propertyOf(propertyOf(root, "tunnels")?.value, name)?.key.parent;
  return property ? applyTextEdits(text, removeProperty(text, property)) : text;
}

/** The text with the entry `name` called `to`; unchanged when there is no such entry; undefined as in {@link setEntry}. */
export function renameEntry(text: string, { name, to }: { readonly name: string; readonly to: string }): string | undefined {
  const root = cleanRoot(text);
  const tunnels = root && propertyOf(root, "tunnels")?.value;
  if (!root || (tunnels && propertyOf(tunnels, to))) return undefined;
  const property = propertyOf(tunnels, name);
  return property ? applyTextEdits(text, [renameKey(property.key, to)]) : text;
}

/** One property of an entry, and its new value; undefined: the property is removed. */
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
  if (value === undefined) return existing?.parent ? applyTextEdits(text, removeProperty(text, existing.parent)) : text;
  return changed(text, existing ? [replaceNode(text, existing, value)] : insertProperty(text, entry, { name: property, value }));
}

/** An entry as it is written in the text; undefined when there is no readable entry. */
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
