/**
 * What the editor's own JSON support marks in an open tunnels.json: syntax errors
 * and duplicate keys. Our validator finds them too, for the daemon and the command
 * line. If both marked a mistake, it would look like two mistakes. Pure.
 */
import { type Node, type ParseError, parseTree } from "jsonc-parser";
import { boundsOf, excessOf } from "../../../shared/contract/config-bounds.ts";
import { propertiesOf } from "../../../shared/contract/config-document.ts";

/** Offsets in UTF-16 units at which problems begin. */
export interface EditorMarks {
  readonly syntax: ReadonlySet<number>;
  /** For each duplicate key, all places but the first. */
  readonly duplicates: ReadonlySet<number>;
}

const NONE: EditorMarks = { syntax: new Set(), duplicates: new Set() };

/** The marks of a text; none when the text exceeds the limits for parsing. Never throws. */
export function editorMarks(text: string): EditorMarks {
  if (text === "" || excessOf(text, boundsOf("")) !== undefined) return NONE;
  // Our validator marks a blank file from its beginning.
  if (text.trim() === "") return { ...NONE, syntax: new Set([0]) };
  const errors: ParseError[] = [];
  const duplicates = new Set<number>();
  try {
    const root = parseTree(text, errors, { allowTrailingComma: true });
    if (root) findDuplicates(root, duplicates);
  } catch {
    // The text is nested deeper than the parser's stack allows.
    return NONE;
  }
  return { syntax: new Set(errors.map(({ offset }) => offset)), duplicates };
}

function findDuplicates(node: Node, found: Set<number>): void {
  const seen = new Set<string>();
  for (const { key } of propertiesOf(node)) {
    const name = String(key.value);
    if (seen.has(name)) found.add(key.offset);
    seen.add(name);
  }
  for (const child of node.children ?? []) findDuplicates(child, found);
}
