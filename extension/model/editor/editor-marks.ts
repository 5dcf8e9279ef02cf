/**
 * What the editor's own JSON support marks in an open tunnels.json: faults of
 * syntax, and keys that stand twice. Our validator finds them too, for the daemon
 * and the command line; marked by both, one mistake would look like two. Pure.
 */
import { type Node, type ParseError, parseTree } from "jsonc-parser";
import { MAX_CONFIG_BYTES, propertiesOf } from "../../../shared/contract/config-document.ts";

/** Offsets in UTF-16 units at which problems begin. */
export interface EditorMarks {
  readonly syntax: ReadonlySet<number>;
  /** Of each key that stands more than once, all places but the first. */
  readonly duplicates: ReadonlySet<number>;
}

const NONE: EditorMarks = { syntax: new Set(), duplicates: new Set() };

/** The marks of a text; none when it is one that nobody's parser should see. Never throws. */
export function editorMarks(text: string): EditorMarks {
  if (text === "" || text.length > MAX_CONFIG_BYTES) return NONE;
  // Our validator marks a blank file from its beginning.
  if (text.trim() === "") return { ...NONE, syntax: new Set([0]) };
  const errors: ParseError[] = [];
  const duplicates = new Set<number>();
  try {
    const root = parseTree(text, errors, { allowTrailingComma: true });
    if (root) findDuplicates(root, duplicates);
  } catch {
    // Nested deeper than the parser's stack.
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
