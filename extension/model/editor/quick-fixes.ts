/**
 * The fixes for a mistake in a tunnels.json. They are found from the problem's place
 * and the text there, not from the problem's sentence, so that sentences can change
 * and be translated. Edits apply to the file that has the problem. Pure.
 */
import { findNodeAtOffset, type Node } from "jsonc-parser";
import { type DocumentEntry, propertiesOf, propertyOf } from "../../../shared/contract/config-document.ts";
import type { TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import { entrySchema, NAME_PATTERN, tunnelsFileSchema } from "../../../shared/contract/tunnels-file.ts";
import { nearest } from "../../../shared/nearest.ts";
import { plainText, quote } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import type { Translate } from "../translate.ts";
import { configTemplate } from "./config-template.ts";
import { insertProperty, type JsonTree, parseJson, removeProperty, renameKey } from "./json-edit.ts";
import { edit, type FixContext, type FixSpot, listenSpot, type QuickFix, replacement } from "./quick-fix.ts";
import { valueFixes } from "./value-fixes.ts";

/** The fixes of a problem that begins at `offset`. Never throws. */
export function problemFixes(offset: number, context: FixContext): QuickFix[] {
  const { text, t } = context;
  if (text.trim() === "") {
    const content = configTemplate("workspace", t, context.key).text;
    return [edit(t("Write an example"), [{ offset: 0, length: text.length, content }], { preferred: true })];
  }
  const tree = parseJson(text);
  const node = tree && findNodeAtOffset(tree.root, offset);
  if (!tree || !node) return [];
  if (node === tree.root) return node.type === "object" && offset === node.offset ? rootFixes(node, context) : [];
  const spot = spotOf(tree, node);
  if (!spot) return [];
  return spot.on === "value" ? valueFixes(spot, context) : keyFixes(spot, context);
}

/** The fix for a client's port that other machines can reach; `offset` is that of the listen value. */
export function loopbackFix(offset: number, { text, t }: Pick<FixContext, "text" | "t">): QuickFix | undefined {
  const tree = parseJson(text);
  const node = tree && findNodeAtOffset(tree.root, offset);
  const port = typeof node?.value === "string" ? /:(\d{1,5})$/.exec(node.value)?.[1] : undefined;
  return node && port !== undefined ? replacement(t("Listen on this machine only"), { text, node, value: `127.0.0.1:${port}` }) : undefined;
}

/** Which conditions the place in an entry is about: a value has no fix that belongs to another; the entry's name stands for all of it. */
export function conditionsAt({ key, value }: DocumentEntry, offset: number): { readonly key: boolean; readonly listen: boolean } {
  const covers = (node: Node | undefined): boolean => node !== undefined && offset >= node.offset && offset <= node.offset + node.length;
  const isAt = (property: string): boolean => covers(key) || (value !== undefined && covers(propertyOf(value, property)?.key.parent));
  return { key: isAt("key"), listen: isAt("listen") };
}

/** The fixes for a tunnel whose key is missing, or whose port another program has. Offsets are those of its entry in `text`. */
export function conditionFixes(
  ref: TunnelRef,
  {
    text,
    missing,
    portTaken,
    chooseKey,
    t,
  }: { readonly text: string; readonly missing: string | undefined; readonly portTaken: boolean; readonly chooseKey: string; readonly t: Translate },
): QuickFix[] {
  const fixes: QuickFix[] = [];
  if (missing !== undefined) {
    const argument = { name: missing };
    const shown = plainText(missing);
    fixes.push({ title: t("Import the key {0}", shown), preferred: true, does: { at: "command", command: COMMANDS.importKey, argument } });
    fixes.push({ title: t("Generate the key {0}", shown), preferred: false, does: { at: "command", command: COMMANDS.generateKey, argument } });
    fixes.push({ title: t("Choose another key"), preferred: false, does: { at: "command", command: chooseKey, argument: ref } });
  }
  const tree = portTaken ? parseJson(text) : undefined;
  const listen = propertyOf(propertyOf(propertyOf(tree?.root, "tunnels")?.value, ref.name)?.value, "listen")?.value;
  const spot = listen && listenSpot(listen);
  if (spot) fixes.push({ title: t("Use a free port"), preferred: missing === undefined, does: { at: "free-port", listen: spot } });
  return fixes;
}

function spotOf({ root }: JsonTree, node: Node): FixSpot | undefined {
  const property = node.parent;
  if (property?.type !== "property" || !property.parent) return undefined;
  const names: string[] = [];
  for (let up: Node | undefined = property; up && up !== root; up = up.parent) {
    if (up.type === "property") names.unshift(String(up.children?.[0]?.value));
  }
  return { on: property.children?.[0] === node ? "key" : "value", names, node, property, object: property.parent };
}

function rootFixes(root: Node, { text, t }: FixContext): QuickFix[] {
  const fixes: QuickFix[] = [];
  if (!propertyOf(root, "version")) {
    fixes.push(edit(t("Add {0}", quote("version")), insertProperty(text, root, { name: "version", value: 1, first: true }), { preferred: true }));
  }
  if (!propertyOf(root, "tunnels"))
    fixes.push(edit(t("Add {0}", quote("tunnels")), insertProperty(text, root, { name: "tunnels", value: {} }), { preferred: true }));
  return fixes.filter(changes);
}

function keyFixes(spot: FixSpot, context: FixContext): QuickFix[] {
  const { text, t } = context;
  const { node, names, object, property } = spot;
  const name = String(node.value);
  const remove = edit(t("Remove {0}", quote(name)), removeProperty(text, property), { preferred: false });
  const twin = propertiesOf(object).some(({ key }) => key !== node && key.offset < node.offset && key.value === name);
  if (twin) return [{ ...remove, preferred: true }];
  if (names.length === 2 && names[0] === "tunnels") return entryNameFixes(spot, context);
  const known = knownNames(names);
  if (!known || known.includes(name)) return [remove].filter(changes);
  const present = propertiesOf(object).map(({ key }) => String(key.value));
  const guess = nearest(
    name,
    known.filter((one) => !present.includes(one)),
  );
  const rename = guess === undefined ? [] : [edit(t("Change to {0}", quote(guess)), [renameKey(node, guess)], { preferred: true })];
  return [...rename, remove].filter(changes);
}

/** The property names that are allowed in place of the last of `names`; undefined: any. */
function knownNames(names: readonly string[]): readonly string[] | undefined {
  if (names.length === 1) return Object.keys(tunnelsFileSchema.shape);
  if (names.length === 3 && names[0] === "tunnels") return Object.keys(entrySchema.shape);
  return names.length === 4 && names[2] === "key" ? ["file", "shared"] : undefined;
}

/** A name that is not allowed, or an entry that lacks something. */
function entryNameFixes({ node, property }: FixSpot, context: FixContext): QuickFix[] {
  const { text, overrides, port, key, t } = context;
  const name = String(node.value);
  if (!NAME_PATTERN.test(name)) {
    const fit = name
      .replace(/[^\w.-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 64);
    return NAME_PATTERN.test(fit) ? [edit(t("Change to {0}", quote(fit)), [renameKey(node, fit)], { preferred: true })] : [];
  }
  const entry = property.children?.[1];
  if (entry?.type !== "object") return [];
  const elsewhere = overrides === undefined ? undefined : propertyOf(propertyOf(parseJson(overrides)?.root, "tunnels")?.value, name)?.value;
  const values = { listen: port, target: "cache.example.com:6479", key: key ?? "team-key" };
  return Object.entries(values)
    .filter(([missing]) => !propertyOf(entry, missing) && !propertyOf(elsewhere, missing) && !isMistyped(entry, missing))
    .map(([missing, value]) => edit(t("Add {0}", quote(missing)), insertProperty(text, entry, { name: missing, value }), { preferred: true }))
    .filter(changes);
}

/** Whether a mistyped name was meant to be this property: then the property is not missing. */
function isMistyped(entry: Node, property: string): boolean {
  const known = Object.keys(entrySchema.shape);
  const names = propertiesOf(entry).map(({ key }) => String(key.value));
  const absent = known.filter((name) => !names.includes(name));
  return names.some((name) => !known.includes(name) && nearest(name, absent) === property);
}

function changes({ does }: QuickFix): boolean {
  return does.at !== "edit" || does.edits.length > 0;
}
