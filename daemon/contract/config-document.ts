/**
 * The text of a tunnels.json taken apart: JSON with comments and trailing commas
 * into entries, with the place of every key and value. Whatever the text is,
 * nothing is thrown; what is wrong with it as JSON becomes problems. What the
 * entries mean is `config-entry.ts`.
 */
import { createScanner, getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import type { Problem } from "./methods.ts";
import { nearest } from "./nearest.ts";
import { quote } from "./plain-text.ts";
import { TextPositions, type TextRange } from "./text-position.ts";
import { NAME_PATTERN } from "./tunnels-file.ts";

/** Our choice: a longer file is not read, in bytes and in UTF-16 units alike. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** Our choices: what a file of people never reaches, and what bounds the work a hostile one can cause. */
const MAX_DEPTH = 32;
const MAX_TUNNELS = 1_000;
const MAX_SYNTAX_PROBLEMS = 20;

const ROOT_PROPERTIES = ["$schema", "version", "tunnels"];

/** An entry as it is written. */
export interface DocumentEntry {
  readonly name: string;
  readonly key: Node;
  readonly value: Node | undefined;
  /** What was found wrong with its name or its JSON: then what it means can't be trusted. */
  readonly fault: Problem | undefined;
  /** Its JSON is broken: what else seems wrong with it follows from that. */
  readonly garbled: boolean;
}

/** A file taken apart. */
export interface ConfigDocument {
  readonly path: string;
  readonly entries: ReadonlyMap<string, DocumentEntry>;
  /** Entries may be missing from `entries` that the writer meant to be there. */
  readonly broken: boolean;
  readonly problems: readonly Problem[];
  /** A problem of this file at `node`. */
  problemAt(node: Pick<Node, "offset" | "length">, message: string): Problem;
  /** The stretch of text of `node`. */
  rangeOf(node: Pick<Node, "offset" | "length">): TextRange;
}

/** Takes `text` apart. `path` is only for the problems. Never throws. */
export function readDocument(text: string, path: string): ConfigDocument {
  const document = new DocumentReader(path, new TextPositions(text));
  document.read(text);
  return document;
}

/** The value of a node as plain data; objects have no prototype, so no key of theirs is special. */
export function plainValue(node: Node | undefined): unknown {
  return node && getNodeValue(node);
}

/** The properties of an object's node; those without a value too. */
export function propertiesOf(node: Node | undefined): readonly { readonly key: Node; readonly value: Node | undefined }[] {
  if (node?.type !== "object") return [];
  return (node.children ?? []).flatMap(({ children }) => (children?.[0] ? [{ key: children[0], value: children[1] }] : []));
}

/** The property called `name`, the first if there are several. */
export function propertyOf(node: Node | undefined, name: string): { readonly key: Node; readonly value: Node | undefined } | undefined {
  return propertiesOf(node).find((property) => property.key.value === name);
}

class DocumentReader implements ConfigDocument {
  readonly path: string;
  readonly entries = new Map<string, DocumentEntry>();
  readonly problems: Problem[] = [];
  broken = false;
  readonly #positions: TextPositions;

  constructor(path: string, positions: TextPositions) {
    this.path = path;
    this.#positions = positions;
  }

  problemAt(node: Pick<Node, "offset" | "length">, message: string): Problem {
    return { code: "CONFIG_INVALID", message, path: this.path, ...this.rangeOf(node) };
  }

  rangeOf(node: Pick<Node, "offset" | "length">): TextRange {
    return this.#positions.range(node.offset, node.length);
  }

  read(text: string): void {
    // A byte order mark is no mistake; a space in its place keeps every offset.
    const clean = text.startsWith("\ufeff") ? ` ${text.slice(1)}` : text;
    const unreadable = unreadableText(clean);
    if (unreadable) {
      this.#unusable(unreadable, unreadable.message);
      return;
    }
    const errors: ParseError[] = [];
    const root = parseTree(clean, errors, { allowTrailingComma: true });
    if (!root) {
      this.#unusable(errors[0] ?? { offset: 0, length: 0 }, "this is not JSON: a tunnels.json begins with {");
    } else if (root.type !== "object") {
      this.#unusable(root, 'the file must be one object: { "version": 1, "tunnels": { … } }');
    } else {
      this.#reportSyntax(errors);
      this.#readRoot(root, errors);
    }
  }

  #unusable(at: Pick<Node, "offset" | "length">, message: string): void {
    this.broken = true;
    this.#report(at, message);
  }

  /** One fault often makes several errors at one place: the first says it. */
  #reportSyntax(errors: readonly ParseError[]): void {
    const first = new Map<number, ParseError>();
    for (const error of errors) {
      if (!first.has(error.offset)) first.set(error.offset, error);
      if (first.size >= MAX_SYNTAX_PROBLEMS) break;
    }
    for (const error of first.values()) this.#unusable(error, syntaxMessage(error));
  }

  #readRoot(root: Node, errors: readonly ParseError[]): void {
    this.#findDuplicates(root, { deep: false });
    for (const { key } of propertiesOf(root)) {
      const name = String(key.value);
      if (ROOT_PROPERTIES.includes(name)) continue;
      const guess = nearest(name, ROOT_PROPERTIES);
      const mend = guess ? `did you mean "${guess}"?` : 'tunnels belong under "tunnels"; only "version" and "$schema" stand beside it';
      this.#report(key, `there is no property ${quote(name)} here: ${mend}`);
    }
    const schema = propertyOf(root, "$schema")?.value;
    if (schema && schema.type !== "string") this.#report(schema, '"$schema" must be text: the address of a schema');
    if (!this.#isKnownVersion(root)) return;
    const tunnels = propertyOf(root, "tunnels");
    // A property without its value is a syntax error, which is reported already.
    if (!tunnels) this.#unusable({ offset: root.offset, length: 1 }, '"tunnels" is missing: add "tunnels": { }');
    else if (tunnels.value?.type === "object") this.#readEntries(tunnels.value, errors);
    else if (tunnels.value) this.#unusable(tunnels.value, '"tunnels" must be an object: { "name": { … } }');
  }

  /** Another version is not guessed at; a missing one is reported and read as 1. */
  #isKnownVersion(root: Node): boolean {
    const version = propertyOf(root, "version");
    if (!version) this.#report({ offset: root.offset, length: 1 }, '"version" is missing: add "version": 1');
    if (!version?.value || version.value.value === 1) return true;
    const newer = typeof version.value.value === "number" && version.value.value > 1;
    this.#unusable(version.value, `"version" must be 1${newer ? ": a newer file needs a newer Encrypted Tunnels" : ""}`);
    return false;
  }

  #readEntries(tunnels: Node, errors: readonly ParseError[]): void {
    const all = propertiesOf(tunnels);
    for (const { key, value } of all.slice(0, MAX_TUNNELS)) {
      const name = String(key.value);
      const earlier = this.entries.get(name);
      if (earlier) {
        // Which of two is meant can't be known, so neither is used.
        this.entries.set(name, { ...earlier, fault: this.#report(key, `${quote(name)} is there twice: rename one or remove it`) });
        continue;
      }
      const badName = NAME_PATTERN.test(name) ? undefined : this.#report(key, nameMessage(name));
      const syntax = firstIn(errors, { from: key.offset + 1, to: endOf(value ?? key), textLength: this.#positions.textLength });
      const fault = badName ?? this.#findDuplicates(value, { deep: true }) ?? (syntax && this.problemAt(syntax, syntaxMessage(syntax)));
      this.entries.set(name, { name, key, value, fault, garbled: syntax !== undefined });
    }
    const extra = all[MAX_TUNNELS];
    if (extra) this.#unusable(extra.key, `a file may have at most ${MAX_TUNNELS} tunnels: split it`);
  }

  /** Reports keys that stand twice in one object; returns the first such problem. */
  #findDuplicates(node: Node | undefined, { deep }: { readonly deep: boolean }): Problem | undefined {
    let first: Problem | undefined;
    const seen = new Set<string>();
    for (const { key } of propertiesOf(node)) {
      const name = String(key.value);
      if (seen.has(name)) {
        const problem = this.#report(key, `${quote(name)} is there twice: remove one`);
        first ??= problem;
      }
      seen.add(name);
    }
    if (!deep || !node) return first;
    const inner = node.type === "object" ? propertiesOf(node).map(({ value }) => value) : (node.children ?? []);
    for (const child of inner) {
      const problem = this.#findDuplicates(child, { deep });
      first ??= problem;
    }
    return first;
  }

  #report(at: Pick<Node, "offset" | "length">, message: string): Problem {
    const problem = this.problemAt(at, message);
    this.problems.push(problem);
    return problem;
  }
}

/** The first error in a stretch; so many errors that looking takes long are everywhere. A bracket is missed at the end of the text. */
function firstIn(errors: readonly ParseError[], stretch: { readonly from: number; readonly to: number; readonly textLength: number }): ParseError | undefined {
  if (errors.length > MAX_TUNNELS) return errors[0];
  const to = stretch.to === stretch.textLength ? stretch.to + 1 : stretch.to;
  return errors.find(({ offset }) => offset >= stretch.from && offset < to);
}

function endOf(node: Node): number {
  return node.offset + node.length;
}

function nameMessage(name: string): string {
  return `the name ${quote(name)} is not allowed: use up to 64 letters, digits, "_", "." and "-", the first a letter or digit`;
}

/** Text that no parser should see: too long, empty, binary, or nested deeper than a parser's stack. */
function unreadableText(text: string): { offset: number; length: number; message: string } | undefined {
  if (text.length > MAX_CONFIG_BYTES) return { offset: 0, length: 0, message: "the file is larger than 1 MiB: is it a tunnels.json?" };
  if (text.trim() === "") return { offset: 0, length: text.length, message: 'the file is empty: write { "version": 1, "tunnels": { } }' };
  const binary = text.indexOf("\0");
  if (binary >= 0) return { offset: binary, length: 1, message: "this is not text: save the file as UTF-8" };
  const scanner = createScanner(text, true);
  let depth = 0;
  // Kinds 1 to 4 are { } [ ], 17 is the end: jsonc-parser's SyntaxKind, which is a const enum.
  for (let kind: number = scanner.scan(); kind !== 17; kind = scanner.scan()) {
    if (kind === 1 || kind === 3) depth += 1;
    else if (kind === 2 || kind === 4) depth -= 1;
    if (depth > MAX_DEPTH) return { offset: scanner.getTokenOffset(), length: 1, message: "the file is nested too deeply: is a bracket missing above?" };
  }
  return undefined;
}

const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is not JSON: text stands in "quotation marks", the words are true, false and null',
  InvalidNumberFormat: "this is not a number: write it in digits",
  PropertyNameExpected: "a property name is expected here, in quotation marks",
  ValueExpected: "a value is expected here",
  ColonExpected: 'a ":" is expected here, between name and value',
  CommaExpected: 'a "," is expected before this',
  CloseBraceExpected: 'a "}" is missing here: check that every { has its }',
  CloseBracketExpected: 'a "]" is missing here: check that every [ has its ]',
  EndOfFileExpected: 'the file should end here: is there a "}" too many above?',
  UnexpectedEndOfComment: 'this comment has no end: add "*/"',
  UnexpectedEndOfString: "this text has no closing quotation mark",
  UnexpectedEndOfNumber: "this number is cut short: complete it",
  InvalidUnicode: "\\u needs four hexadecimal digits after it",
  InvalidEscapeCharacter: 'this text has a "\\" before a character that takes none: write "\\\\" for a backslash',
  InvalidCharacter: "this text has a control character in it: write it as an escape, such as \\t, or remove it",
};

function syntaxMessage(error: ParseError): string {
  return SYNTAX_MESSAGES[printParseErrorCode(error.error)] ?? "this is not JSON here: check commas and quotation marks";
}
