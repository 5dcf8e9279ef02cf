/**
 * Edits a JSON text with comments, by means of its syntax tree: inserts, removes or
 * renames a property, or gives it another value, and leaves everything else as it
 * is. jsonc-parser's own `modify` puts a new property between a value and the
 * comment after it, and drops comments when it removes; this module does neither.
 * Pure.
 */
import { applyEdits, createScanner, type Node, type ParseError, parseTree } from "jsonc-parser";
import { boundsOf, excessOf } from "../../../shared/contract/config-bounds.ts";

/** A range of text and its replacement; offsets in UTF-16 units of the text before all edits. */
export interface TextEdit {
  readonly offset: number;
  readonly length: number;
  readonly content: string;
}

/** jsonc-parser's SyntaxKind, which is a const enum. */
const COMMA = 5;
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;
const LINE_BREAK = 14;
const END = 17;

/** A parsed text. */
export interface JsonTree {
  readonly root: Node;
  /** Without any syntax error. */
  readonly clean: boolean;
}

/** Parses `text`; undefined when it is empty or exceeds the limits for parsing. Never throws. */
export function parseJson(text: string): JsonTree | undefined {
  if (excessOf(text, boundsOf("")) !== undefined) return undefined;
  const errors: ParseError[] = [];
  try {
    // A space in place of a byte order mark keeps every offset.
    const root = parseTree(text.replace(/^\ufeff/, " "), errors, { allowTrailingComma: true });
    return root && { root, clean: errors.length === 0 };
  } catch {
    // The text is nested deeper than the parser's stack allows.
    return undefined;
  }
}

/** The text after the edits, which must not overlap. */
export function applyTextEdits(text: string, edits: readonly TextEdit[]): string {
  return applyEdits(text, [...edits]);
}

/** The shortest single edit that turns `before` into `after`; undefined when they are the same. */
export function minimalEdit(before: string, after: string): TextEdit | undefined {
  if (before === after) return undefined;
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  return { offset: head, length: before.length - head - tail, content: after.slice(head, after.length - tail) };
}

/** Gives a node another value. */
export function replaceNode(text: string, node: Node, value: unknown): TextEdit {
  const several = text.slice(node.offset, node.offset + node.length).includes("\n");
  const content = several || (node.type !== "object" && typeof value === "object") ? printed(text, value, lineIndent(text, node.offset)) : oneLine(value);
  return { offset: node.offset, length: node.length, content };
}

/** A property to insert. */
export interface NewProperty {
  readonly name: string;
  readonly value: unknown;
  /** Before all other properties instead of after them. */
  readonly first?: boolean;
}

/** Inserts a property into an object; no edits when the object has no closing brace. */
export function insertProperty(text: string, object: Node, property: NewProperty): TextEdit[] {
  const close = object.offset + object.length - 1;
  if (object.type !== "object" || text[close] !== "}") return [];
  const [first] = object.children ?? [];
  const last = object.children?.at(-1);
  if (!first || !last) return insertIntoEmpty(text, object, property);
  if (property.first) {
    const ownLine = isFirstInLine(text, first.offset);
    const indent = lineIndent(text, first.offset);
    const gap = ownLine ? `${eolOf(text)}${indent}` : " ";
    return [{ offset: first.offset, length: 0, content: `${member(text, property, ownLine ? indent : undefined)},${gap}` }];
  }
  const lastEnd = endOf(last);
  const behind = lookBehind(text, lastEnd, close);
  if (!behind.hasBreak) return [{ offset: lastEnd, length: 0, content: `, ${member(text, property, undefined)}` }];
  const indent = isFirstInLine(text, last.offset) ? lineIndent(text, last.offset) : lineIndent(text, object.offset) + unitOf(text);
  const line = `${eolOf(text)}${indent}${member(text, property, indent)}`;
  if (behind.comma !== undefined) return [{ offset: behind.lineEnd, length: 0, content: `${line},` }];
  if (behind.lineEnd === lastEnd) return [{ offset: lastEnd, length: 0, content: `,${line}` }];
  return [
    { offset: lastEnd, length: 0, content: "," },
    { offset: behind.lineEnd, length: 0, content: line },
  ];
}

/** Removes a property and its comma; if the property is alone on its line, also the line and the comment at the line's end. */
export function removeProperty(text: string, property: Node): TextEdit[] {
  const object = property.parent;
  const siblings = object?.children ?? [];
  const index = siblings.indexOf(property);
  if (!object || index < 0) return [];
  const next = siblings[index + 1];
  const previous = siblings[index - 1];
  const behind = lookBehind(text, endOf(property), next?.offset ?? endOf(object) - 1);
  const edits: TextEdit[] = [];
  const comma = behind.comma === undefined && previous ? lookBehind(text, endOf(previous), property.offset).comma : undefined;
  if (comma !== undefined) edits.push({ offset: comma, length: 1, content: "" });
  const afterLine = /^[ \t]*(\r\n|\n|\r)/.exec(text.slice(behind.lineEnd));
  const ownComma = behind.comma === undefined ? endOf(property) : behind.comma + 1;
  if (isFirstInLine(text, property.offset) && afterLine && ownComma <= behind.lineEnd) {
    const from = property.offset - lineIndent(text, property.offset).length;
    return [...edits, { offset: from, length: behind.lineEnd + afterLine[0].length - from, content: "" }];
  }
  const from = comma === undefined ? property.offset : property.offset - spacesBefore(text, property.offset, comma + 1);
  const spaces = next ? (/^[ \t]*/.exec(text.slice(ownComma))?.[0].length ?? 0) : 0;
  return [...edits, { offset: from, length: ownComma + spaces - from, content: "" }];
}

/** Gives a property another name; `key` is the name's node. */
export function renameKey(key: Node, name: string): TextEdit {
  return { offset: key.offset, length: key.length, content: JSON.stringify(name) };
}

function insertIntoEmpty(text: string, object: Node, property: NewProperty): TextEdit[] {
  const open = object.offset + 1;
  const close = endOf(object) - 1;
  const base = lineIndent(text, object.offset);
  const indent = base + unitOf(text);
  const line = `${eolOf(text)}${indent}${member(text, property, indent)}`;
  const { lastCommentEnd } = lookBehind(text, open, close);
  if (lastCommentEnd === undefined) return [{ offset: open, length: close - open, content: `${line}${eolOf(text)}${base}` }];
  const closed = /[\r\n]/.test(text.slice(lastCommentEnd, close));
  return [{ offset: lastCommentEnd, length: 0, content: closed ? line : `${line}${eolOf(text)}${base}` }];
}

interface Behind {
  /** Offset of the comma. */
  readonly comma: number | undefined;
  /** End of the comma and the comments on the same line. */
  readonly lineEnd: number;
  readonly hasBreak: boolean;
  readonly lastCommentEnd: number | undefined;
}

/** Scans the text between two values: white space, comments and a comma. */
function lookBehind(text: string, from: number, to: number): Behind {
  const scanner = createScanner(text, false);
  scanner.setPosition(from);
  let comma: number | undefined;
  let lastCommentEnd: number | undefined;
  let lineEnd = from;
  let hasBreak = false;
  for (let kind: number = scanner.scan(); kind !== END && scanner.getTokenOffset() < to; kind = scanner.scan()) {
    const end = scanner.getTokenOffset() + scanner.getTokenLength();
    if (kind === COMMA) comma ??= scanner.getTokenOffset();
    if (kind === LINE_COMMENT || kind === BLOCK_COMMENT) lastCommentEnd = end;
    if ((kind === COMMA || kind === LINE_COMMENT || kind === BLOCK_COMMENT) && !hasBreak) lineEnd = end;
    if (kind === LINE_BREAK) hasBreak = true;
  }
  return { comma, lineEnd, hasBreak, lastCommentEnd };
}

function member(text: string, { name, value }: NewProperty, indent: string | undefined): string {
  return `${JSON.stringify(name)}: ${indent === undefined ? oneLine(value) : printed(text, value, indent)}`;
}

function printed(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, null, unitOf(text)).replaceAll("\n", `${eolOf(text)}${indent}`);
}

/** JSON escapes line breaks inside strings, so the line breaks removed here belong to the layout. */
function oneLine(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(/\n */g, " ");
}

function endOf(node: Node): number {
  return node.offset + node.length;
}

function spacesBefore(text: string, offset: number, limit: number): number {
  return /[ \t]*$/.exec(text.slice(limit, offset))?.[0].length ?? 0;
}

/** The white space at the beginning of the line that contains `offset`. */
function lineIndent(text: string, offset: number): string {
  const start = Math.max(text.lastIndexOf("\n", offset - 1), text.lastIndexOf("\r", offset - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? "";
}

function isFirstInLine(text: string, offset: number): boolean {
  const start = offset - lineIndent(text, offset).length;
  return start === 0 || text[start - 1] === "\n" || text[start - 1] === "\r";
}

function eolOf(text: string): string {
  return /\r\n|\n/.exec(text)?.[0] ?? "\n";
}

/** One step of indentation, taken from the first indented property. */
function unitOf(text: string): string {
  return /[\r\n]([ \t]+)"/.exec(text)?.[1] ?? "  ";
}
