/**
 * How much a tunnels.json may have in it. The file is a stranger's, and its reader
 * has tunnels to serve: reading it must take no more than a moment, whatever it
 * says. So a text is measured first, in one pass that costs next to nothing, and
 * no parser sees a text that is too large. The figures are our choices: several
 * times what the file of a large team has, and about 20 ms of reading. Pure.
 */
import { type Message, message } from "../message.ts";

/** How much one file may have. */
export interface ConfigBounds {
  /** The size of the file. The same limit holds for the UTF-16 units of its text. */
  readonly kibibytes: number;
  /** Names, values, punctuation marks, comments and lines. */
  readonly marks: number;
  readonly tunnels: number;
}

/** A tunnels.json. */
const FILE_BOUNDS: ConfigBounds = { kibibytes: 256, marks: 20_000, tunnels: 250 };
/** A tunnels.local.json, which says only what differs. */
const LOCAL_BOUNDS: ConfigBounds = { kibibytes: 64, marks: 5_000, tunnels: 50 };

/** The personal file that overrides the tunnels.json beside it. */
export const LOCAL_FILE_NAME = "tunnels.local.json";

/** What the file at `path` may have. */
export function boundsOf(path: string): ConfigBounds {
  return path.split(/[\\/]/).at(-1) === LOCAL_FILE_NAME ? LOCAL_BOUNDS : FILE_BOUNDS;
}

/** Nobody means to nest deeper than this, and a parser's stack is still far from its end. */
const MAX_DEPTH = 32;

/** The length of the longest file that is read, in bytes. */
export function maxBytes({ kibibytes }: ConfigBounds): number {
  return kibibytes * 1024;
}

/** The message about a longer file. */
export function tooLong({ kibibytes }: ConfigBounds): Message {
  return message("the file is larger than {0} KiB: is it a tunnels.json? If so, split it", kibibytes);
}

/** Where a text goes beyond its limits, and the message about it. */
export interface Excess {
  readonly offset: number;
  readonly length: number;
  readonly message: Message;
}

const [TAB, LF, CR, SPACE, QUOTE, SLASH, STAR, BACKSLASH, ZERO] = ["\t", "\n", "\r", " ", '"', "/", "*", "\\", "0"].map((one) => one.charCodeAt(0));
const [OPEN, CLOSE] = [codesOf("{["), codesOf("}]")];

/** The first excess of a text; undefined: it may be parsed. */
export function excessOf(text: string, bounds: ConfigBounds): Excess | undefined {
  if (text.length > maxBytes(bounds)) return { offset: 0, length: 0, message: tooLong(bounds) };
  let depth = 0;
  let marks = 0;
  for (let at = 0; at < text.length; at = endOfMark(text, at)) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === TAB) continue;
    marks += 1;
    if (OPEN.has(code)) depth += 1;
    else if (CLOSE.has(code)) depth -= 1;
    if (depth > MAX_DEPTH) return { offset: at, length: 1, message: message("the file is nested too deeply: is a bracket missing above?") };
    if (marks > bounds.marks) {
      return { offset: at, length: 1, message: message("the file has more than {0} names, values, punctuation marks and lines: split it", bounds.marks) };
    }
  }
  return undefined;
}

/** Where the mark that begins at `at` ends: a string, a comment, a word, a number, or one character; never behind the end of a parser's token. */
function endOfMark(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === QUOTE) return endOfString(text, at + 1);
  if (code === SLASH && text.charCodeAt(at + 1) === SLASH) return endOfRun(text, at, (next) => next !== LF && next !== CR);
  if (code === SLASH && text.charCodeAt(at + 1) === STAR) {
    const end = text.indexOf("*/", at + 2);
    return end < 0 ? text.length : end + 2;
  }
  if (isLetter(code)) return endOfRun(text, at, isLetter);
  // A number that begins with 0 ends after the 0.
  if (isDigit(code) && code !== ZERO) return endOfRun(text, at, isDigit);
  return at + 1;
}

/** Behind the quotation mark, or where the line ends. */
function endOfString(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
    else if (code === LF || code === CR) return at;
  }
  return text.length;
}

function endOfRun(text: string, from: number, isOfRun: (code: number) => boolean): number {
  let at = from + 1;
  while (at < text.length && isOfRun(text.charCodeAt(at))) at += 1;
  return at;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function codesOf(characters: string): ReadonlySet<number> {
  return new Set([...characters].map((one) => one.charCodeAt(0)));
}
