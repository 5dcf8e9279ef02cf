/**
 * Takes the text of a tunnels.json apart: JSON with comments and trailing commas
 * becomes entries, with the place of every key and value. Never throws, whatever
 * the text is; mistakes in the JSON become problems. `entry-rules.ts` judges what
 * the entries mean.
 */
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { formatMessage, type Message, message } from "../message.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../plain-text.ts";
import { boundsOf, type ConfigBounds, type Excess, excessOf, maxBytes } from "./config-bounds.ts";
import type { Problem } from "./methods.ts";
import { TextPositions, type TextRange } from "./text-position.ts";
import { NAME_PATTERN } from "./tunnels-file.ts";

/** Our choices: how many mistakes of each kind are reported; mending some shows the rest. */
const MAX_SYNTAX_PROBLEMS = 20;
const MAX_DUPLICATES = 20;
const MAX_UNKNOWN = 20;

/** Our choice: with more syntax errors than this, every stretch of the text counts as faulty. */
const MAX_ERRORS = 100;

const ROOT_PROPERTIES = ["$schema", "version", "tunnels"];

/** A problem whose sentence can still be translated. */
export interface ConfigProblem extends Problem {
  /** What `message` says in English; missing where only that is known. */
  readonly text?: Message | undefined;
}

/** The problem of this text at this place. */
export function configProblem(text: Message, place: TextRange & { readonly path: string }): ConfigProblem {
  const { path, offset, length, line, column } = place;
  return { code: "CONFIG_INVALID", message: formatMessage(text), text, path, offset, length, line, column };
}

/** An entry as it is written. */
export interface DocumentEntry {
  readonly name: string;
  readonly key: Node;
  readonly value: Node | undefined;
  /** What is wrong with its name or its JSON, if anything: then its meaning can't be trusted. */
  readonly fault: ConfigProblem | undefined;
  /** Its JSON is broken: anything else that seems wrong with it follows from that. */
  readonly garbled: boolean;
}

/** A file taken apart. */
export interface ConfigDocument {
  readonly path: string;
  readonly entries: ReadonlyMap<string, DocumentEntry>;
  /** Entries that the writer meant to be there may be missing from `entries`. */
  readonly broken: boolean;
  readonly problems: readonly ConfigProblem[];
  /** A problem of this file at `node`. */
  problemAt(node: Pick<Node, "offset" | "length">, text: Message): ConfigProblem;
  /** The stretch of text of `node`. */
  rangeOf(node: Pick<Node, "offset" | "length">): TextRange;
}

/** Takes `text` apart. `path` is only for the problems. Never throws. */
export function readDocument(text: string, path: string): ConfigDocument {
  const bounds = boundsOf(path);
  // In a text that is too long, problems point only at the beginning.
  const document = new DocumentReader(path, { positions: new TextPositions(text.slice(0, maxBytes(bounds))), bounds });
  document.read(text);
  return document;
}

/** The value of a node as plain data; objects have no prototype, so none of their keys is special. */
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
  readonly problems: ConfigProblem[] = [];
  broken = false;
  readonly #positions: TextPositions;
  readonly #bounds: ConfigBounds;
  #duplicates = 0;

  constructor(path: string, { positions, bounds }: { readonly positions: TextPositions; readonly bounds: ConfigBounds }) {
    this.path = path;
    this.#positions = positions;
    this.#bounds = bounds;
  }

  problemAt(node: Pick<Node, "offset" | "length">, text: Message): ConfigProblem {
    return configProblem(text, { path: this.path, ...this.rangeOf(node) });
  }

  rangeOf(node: Pick<Node, "offset" | "length">): TextRange {
    return this.#positions.range(node.offset, node.length);
  }

  read(text: string): void {
    // A byte order mark is no mistake; a space in its place keeps every offset.
    const clean = text.startsWith("\ufeff") ? ` ${text.slice(1)}` : text;
    const unreadable = unreadableText(clean, this.#bounds);
    if (unreadable) {
      this.#unusable(unreadable, unreadable.message);
      return;
    }
    const errors: ParseError[] = [];
    const root = parseTree(clean, errors, { allowTrailingComma: true });
    if (!root) {
      this.#unusable(errors[0] ?? { offset: 0, length: 0 }, message("this is not JSON: a tunnels.json begins with {"));
    } else if (root.type !== "object") {
      this.#unusable(root, message('the file must be one object: { "version": 1, "tunnels": { … } }'));
    } else {
      this.#reportSyntax(errors);
      this.#readRoot(root, errors);
    }
  }

  #unusable(at: Pick<Node, "offset" | "length">, text: Message): void {
    this.broken = true;
    this.#report(at, text);
  }

  /** One fault often makes several errors at one place: only the first is reported. */
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
    const unknown = propertiesOf(root).filter(({ key }) => !ROOT_PROPERTIES.includes(String(key.value)));
    for (const { key } of unknown.slice(0, MAX_UNKNOWN)) {
      const name = String(key.value);
      const guess = nearest(name, ROOT_PROPERTIES);
      const text = guess
        ? message('there is no property {0} here: did you mean "{1}"?', quote(name), guess)
        : message('there is no property {0} here: tunnels belong under "tunnels"; only "version" and "$schema" stand beside it', quote(name));
      this.#report(key, text);
    }
    const schema = propertyOf(root, "$schema")?.value;
    if (schema && schema.type !== "string") this.#report(schema, message('"$schema" must be text: the address of a schema'));
    if (!this.#isKnownVersion(root)) return;
    const tunnels = propertyOf(root, "tunnels");
    // A property without its value is a syntax error, which is reported already.
    if (!tunnels) this.#unusable({ offset: root.offset, length: 1 }, message('"tunnels" is missing: add "tunnels": { }'));
    else if (tunnels.value?.type === "object") this.#readEntries(tunnels.value, errors);
    else if (tunnels.value) this.#unusable(tunnels.value, message('"tunnels" must be an object: { "name": { … } }'));
  }

  /** Another version is not guessed at; a missing one is reported and read as 1. */
  #isKnownVersion(root: Node): boolean {
    const version = propertyOf(root, "version");
    if (!version) this.#report({ offset: root.offset, length: 1 }, message('"version" is missing: add "version": 1'));
    if (!version?.value || version.value.value === 1) return true;
    const newer = typeof version.value.value === "number" && version.value.value > 1;
    this.#unusable(version.value, newer ? message('"version" must be 1: a newer file needs a newer Encrypted Tunnels') : message('"version" must be 1'));
    return false;
  }

  #readEntries(tunnels: Node, errors: readonly ParseError[]): void {
    const all = propertiesOf(tunnels);
    const { tunnels: most } = this.#bounds;
    for (const { key, value } of all.slice(0, most)) {
      const name = String(key.value);
      const earlier = this.entries.get(name);
      if (earlier) {
        // Which of two is meant can't be known, so neither is used.
        this.entries.set(name, { ...earlier, fault: this.#report(key, message("{0} is there twice: rename one or remove it", quote(name))) });
        continue;
      }
      const badName = NAME_PATTERN.test(name) ? undefined : this.#report(key, nameMessage(name));
      const syntax = firstIn(errors, { from: key.offset + 1, to: endOf(value ?? key), textLength: this.#positions.textLength });
      const fault = badName ?? this.#findDuplicates(value, { deep: true }) ?? (syntax && this.problemAt(syntax, syntaxMessage(syntax)));
      this.entries.set(name, { name, key, value, fault, garbled: syntax !== undefined });
    }
    const extra = all[most];
    if (extra) this.#unusable(extra.key, message("a file may have at most {0} tunnels: split it", most));
  }

  /** Reports keys that occur twice in one object; returns the first such problem. */
  #findDuplicates(node: Node | undefined, { deep }: { readonly deep: boolean }): ConfigProblem | undefined {
    let first: ConfigProblem | undefined;
    const seen = new Set<string>();
    for (const { key } of propertiesOf(node)) {
      const name = String(key.value);
      if (seen.has(name) && (first === undefined || this.#duplicates < MAX_DUPLICATES)) {
        this.#duplicates += 1;
        const problem = this.#report(key, message("{0} is there twice: remove one", quote(name)));
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

  #report(at: Pick<Node, "offset" | "length">, text: Message): ConfigProblem {
    const problem = this.problemAt(at, text);
    this.problems.push(problem);
    return problem;
  }
}

/** The first error in a stretch. With so many errors that looking takes long, every stretch has one. A missing bracket is reported at the end of the text. */
function firstIn(errors: readonly ParseError[], stretch: { readonly from: number; readonly to: number; readonly textLength: number }): ParseError | undefined {
  if (errors.length > MAX_ERRORS) return errors[0];
  const to = stretch.to === stretch.textLength ? stretch.to + 1 : stretch.to;
  return errors.find(({ offset }) => offset >= stretch.from && offset < to);
}

function endOf(node: Node): number {
  return node.offset + node.length;
}

function nameMessage(name: string): Message {
  return message('the name {0} is not allowed: use up to 64 letters, digits, "_", "." and "-", the first a letter or digit', quote(name));
}

/** Text that no parser should see: too long, empty or binary. */
function unreadableText(text: string, bounds: ConfigBounds): Excess | undefined {
  const excess = excessOf(text, bounds);
  if (excess) return excess;
  if (text.trim() === "") return { offset: 0, length: text.length, message: message('the file is empty: write { "version": 1, "tunnels": { } }') };
  const binary = text.indexOf("\0");
  return binary < 0 ? undefined : { offset: binary, length: 1, message: message("this is not text: save the file as UTF-8") };
}

const SYNTAX_MESSAGES: Readonly<Record<string, Message>> = {
  InvalidSymbol: message('this is not JSON: text stands in "quotation marks", the words are true, false and null'),
  InvalidNumberFormat: message("this is not a number: write it in digits"),
  PropertyNameExpected: message("a property name is expected here, in quotation marks"),
  ValueExpected: message("a value is expected here"),
  ColonExpected: message('a ":" is expected here, between name and value'),
  CommaExpected: message('a "," is expected before this'),
  CloseBraceExpected: message('a "}" is missing here: check that every { has its }'),
  CloseBracketExpected: message('a "]" is missing here: check that every [ has its ]'),
  EndOfFileExpected: message('the file should end here: is there a "}" too many above?'),
  UnexpectedEndOfComment: message('this comment has no end: add "*/"'),
  UnexpectedEndOfString: message("this text has no closing quotation mark"),
  UnexpectedEndOfNumber: message("this number is cut short: complete it"),
  InvalidUnicode: message("\\u needs four hexadecimal digits after it"),
  InvalidEscapeCharacter: message('this text has a "\\" before a character that takes none: write "\\\\" for a backslash'),
  InvalidCharacter: message("this text has a control character in it: write it as an escape, such as \\t, or remove it"),
};

function syntaxMessage(error: ParseError): Message {
  return SYNTAX_MESSAGES[printParseErrorCode(error.error)] ?? message("this is not JSON here: check commas and quotation marks");
}
