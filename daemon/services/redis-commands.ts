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
import { latin1 } from "./latin1.ts";
import { recogniseClient } from "./recognise.ts";
import { countIn, lineEnd } from "./resp.ts";

/** networking.c: PROTO_INLINE_MAX_SIZE, the most elements of an array, and the largest value (proto-max-bulk-len). */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_ELEMENTS = 1024 * 1024;
const MAX_VALUE_BYTES = 512 * 1024 * 1024;
/** Our choice: no command has a longer name. */
const MAX_NAME_BYTES = 32;

const ARRAY = 0x2a;
const BULK = 0x24;
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
    const end = lineEnd(bytes, from);
    const to = end < 0 ? bytes.length : end;
    if (this.#held.length + to - from > MAX_LINE_BYTES) {
      this.#isStrange = true;
      return to;
    }
    if (end >= 0 && this.#held.length === 0) {
      this.#whole(bytes, from, bytes[end - 1] === CR && end > from ? end - 1 : end, names);
      return end + 1;
    }
    for (let at = from; at < to; at++) this.#held.push(bytes[at] as number);
    if (end < 0) return to;
    if (this.#held.at(-1) === CR) this.#held.pop();
    const line = Uint8Array.from(this.#held);
    this.#held = [];
    this.#whole(line, 0, line.length, names);
    return end + 1;
  }

  /** A line without its end. */
  #whole(bytes: Uint8Array, from: number, to: number, names: string[]): void {
    const type = to > from ? bytes[from] : undefined;
    if (this.#elements > 0) this.#length(type === BULK ? countIn(bytes, from + 1, to) : undefined);
    else if (type === ARRAY) this.#array(countIn(bytes, from + 1, to));
    else this.#inline(latin1(bytes.subarray(from, to)), names);
  }

  /** `*3`; none, or less, is no command. */
  #array(count: number | undefined): void {
    if (count === undefined || count > MAX_ELEMENTS) this.#isStrange = true;
    else if (count > 0) {
      this.#elements = count;
      this.#name = "";
      this.#isInFamily = false;
      this.#isFirst = false;
    }
  }

  /** `$5` */
  #length(length: number | undefined): void {
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
      const word = wordOf(String.fromCharCode(...this.#held).trim()) || "?";
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
