/**
 * Counts the commands that a client of Redis sends, in pieces cut anywhere and
 * with bounded memory: values are skipped, whatever their size. Pure.
 *
 *     *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $5\r\nvalue\r\n      an array of bulk strings
 *     PING\r\n                                              an inline command
 *
 * Source: redis.io, "Redis serialization protocol specification" · networking.c of
 * Redis, processMultibulkBuffer and processInlineBuffer
 */
import { recogniseClient } from "./recognise.ts";

/** networking.c: PROTO_INLINE_MAX_SIZE, the most elements of an array, and the largest value (proto-max-bulk-len). */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_ELEMENTS = 1024 * 1024;
const MAX_VALUE_BYTES = 512 * 1024 * 1024;
/** Our choice: no command has a longer name. */
const MAX_NAME_BYTES = 32;

const LF = 0x0a;
const CR = 0x0d;

/** What the next bytes belong to. */
type Part =
  | { readonly at: "line" }
  /** A value and its CRLF. `isName`: it names the command. */
  | { readonly at: "value"; left: number; readonly isName: boolean };

/** See the file's header. */
export class RedisCommands {
  readonly #families: ReadonlySet<string>;
  #part: Part = { at: "line" };
  /** Bytes of a line, or of a name, that have come. */
  #held: number[] = [];
  /** Elements of an array that are still to come. */
  #elements = 0;
  #name = "";
  /** The second word of a command of a family is still to come. */
  #isInFamily = false;
  #isFirst = true;
  #isStrange = false;

  /** `families`: commands that are named with their second word, "CLUSTER SLOTS". */
  constructor(families: ReadonlySet<string> = new Set()) {
    this.#families = families;
  }

  /** Whether the last command is whole. */
  get isBetween(): boolean {
    return this.#part.at === "line" && this.#held.length === 0 && this.#elements === 0;
  }

  /** The names, in capitals, of the commands that these bytes complete; undefined, then and from then on: they are not Redis's. */
  push(bytes: Uint8Array): string[] | undefined {
    const names: string[] = [];
    let at = 0;
    while (at < bytes.length && !this.#isStrange) at = this.#part.at === "line" ? this.#line(bytes, at, names) : this.#value(bytes, at, names);
    return this.#isStrange ? undefined : names;
  }

  #line(bytes: Uint8Array, from: number, names: string[]): number {
    const end = bytes.indexOf(LF, from);
    const to = end < 0 ? bytes.length : end;
    if (this.#held.length + to - from > MAX_LINE_BYTES) {
      this.#isStrange = true;
      return to;
    }
    for (let at = from; at < to; at++) this.#held.push(bytes[at] as number);
    if (end < 0) return to;
    if (this.#held.at(-1) === CR) this.#held.pop();
    const line = latin1(this.#held);
    this.#held = [];
    if (this.#elements > 0) this.#length(line);
    else if (line.startsWith("*")) this.#array(line);
    else this.#inline(line, names);
    return end + 1;
  }

  /** `*3`; none, or less, is no command. */
  #array(line: string): void {
    const count = numberIn(line);
    if (count === undefined || count > MAX_ELEMENTS) this.#isStrange = true;
    else if (count > 0) {
      this.#elements = count;
      this.#name = "";
      this.#isInFamily = false;
      this.#isFirst = false;
    }
  }

  /** `$5` */
  #length(line: string): void {
    const length = line.startsWith("$") ? numberIn(line) : undefined;
    if (length === undefined || length < 0 || length > MAX_VALUE_BYTES) this.#isStrange = true;
    else this.#part = { at: "value", left: length + 2, isName: this.#name === "" || this.#isInFamily };
  }

  /** Words on a line. The first one of a connection must be known: many text protocols have lines. */
  #inline(line: string, names: string[]): void {
    const [word = "", second = ""] = line.trim().split(/\s+/, 2);
    if (word === "") return;
    if (this.#isFirst && recogniseClient(new TextEncoder().encode(`${line}\r\n`))?.protocol !== "redis") {
      this.#isStrange = true;
      return;
    }
    this.#isFirst = false;
    const name = wordOf(word);
    names.push(this.#families.has(name) ? `${name} ${wordOf(second)}` : name);
  }

  #value(bytes: Uint8Array, from: number, names: string[]): number {
    const part = this.#part as Extract<Part, { at: "value" }>;
    const to = Math.min(bytes.length, from + part.left);
    if (part.isName) for (let at = from; at < to && this.#held.length < MAX_NAME_BYTES; at++) this.#held.push(bytes[at] as number);
    part.left -= to - from;
    if (part.left > 0) return to;
    if (part.isName) {
      const word = wordOf(latin1(this.#held).trim()) || "?";
      this.#name = this.#isInFamily ? `${this.#name} ${word}` : word;
      this.#isInFamily = !this.#isInFamily && this.#families.has(word);
      this.#held = [];
    }
    this.#part = { at: "line" };
    this.#elements -= 1;
    if (this.#elements === 0) names.push(this.#name);
    return to;
  }
}

function wordOf(text: string): string {
  return text.slice(0, MAX_NAME_BYTES).toUpperCase();
}

/** The number after a line's first character. */
function numberIn(line: string): number | undefined {
  return /^.-?\d{1,10}$/.test(line) ? Number(line.slice(1)) : undefined;
}

function latin1(bytes: readonly number[]): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
