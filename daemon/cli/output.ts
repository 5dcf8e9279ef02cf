/**
 * What commands print: results on standard output, everything else on standard
 * error. Text from files and peers is made plain here, so that it can't control a
 * terminal; colours are used only on a terminal.
 */

import type { TunnelError } from "../../shared/errors.ts";
import { plainText, wholeText } from "../../shared/plain-text.ts";

/** SGR parameters, ECMA-48 8.3.117. */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** A style for text. */
export type Style = keyof typeof SGR;

/** What {@link createOutput} writes to: the parts of a stream it needs. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** Where a command's output goes. */
export interface Output {
  /** Standard output is a terminal. */
  readonly isTerminal: boolean;
  /** The terminal's width; undefined when standard output is no terminal. */
  readonly columns: number | undefined;
  /** A line of the result, made plain. Styles are added afterwards: see {@link Output.paint}. */
  say(line: string): void;
  /** A line on standard error, made plain, after the program's name. */
  warn(line: string): void;
  /** A line on standard error without the program's name: a place in a file, a question's facts. */
  note(line: string): void;
  /** Like `note`, for text that a user is to approve: nothing is removed or cut, and invisible characters are escaped. */
  whole(line: string): void;
  /** Unchanged text: JSON, and lines built with `paint`. */
  raw(text: string): void;
  /** Plain text in a style, on a terminal; plain text elsewhere. */
  paint(style: Style, text: string): string;
}

/** Output on the given streams; `env` has NO_COLOR (no-color.org) and TERM. */
export function createOutput(options: { readonly name: string; readonly stdout: Sink; readonly stderr: Sink; readonly env: NodeJS.ProcessEnv }): Output {
  const { name, stdout, stderr, env } = options;
  const isTerminal = stdout.isTTY === true;
  const isColoured = isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  stdout.on("error", (error) => endWithoutOutput(error, { name, stderr }));
  stderr.on("error", () => {});
  return {
    isTerminal,
    columns: isTerminal ? stdout.columns : undefined,
    say: (line) => void stdout.write(`${plainText(line)}\n`),
    warn: (line) => void stderr.write(`${name}: ${plainText(line)}\n`),
    note: (line) => void stderr.write(`${plainText(line)}\n`),
    whole: (line) => void stderr.write(`${wholeText(line)}\n`),
    raw: (text) => void stdout.write(text),
    paint: (style, text) => (isColoured ? `\u001b[${SGR[style]}m${plainText(text)}\u001b[0m` : plainText(text)),
  };
}

/** Ends the process because standard output can't be written. A reader that stops reading (| head) is no failure of ours; a full disk is. */
export function endWithoutOutput(error: NodeJS.ErrnoException, { name, stderr }: { readonly name: string; readonly stderr: Pick<Sink, "write"> }): never {
  if (error.code === "EPIPE") process.exit(0);
  stderr.write(`${name}: standard output can't be written: ${plainText(error.message)}\n`);
  process.exit(1);
}

/** Output on this process's own streams. */
export function ownOutput(name: string): Output {
  return createOutput({ name, stdout: process.stdout, stderr: process.stderr, env: process.env });
}

/** JSON for terminals and programs: characters that could control a terminal are escaped, which changes no value. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(/[\p{Cf}\u007f-\u009f\u2028\u2029]/gu, (char) =>
    Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** One failure in one line: `message (CODE)`. Scripts look for the code, so it is always at the end. */
export function failureLine({ code, message }: TunnelError): string {
  return `${message} (${code})`;
}

/** Our choice: wrapping does not help in a narrower terminal. */
const MIN_COLUMNS = 40;

/**
 * `text` in lines of at most `columns`; the first is indented by two spaces, the others by four. A longer word (a path)
 * is not broken. Without `columns` (a pipe, a file) it is one line, so that it can be searched.
 */
export function indented(text: string, columns: number | undefined): string[] {
  const limit = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(columns, MIN_COLUMNS);
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > limit) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** A cell of a table, and how it is painted. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** The lines of a table whose columns are two spaces apart; the last column is not padded. */
export function table(rows: readonly (readonly Cell[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [column, { text }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  return rows.map((row) => row.map((cell, column) => shown(cell, column === row.length - 1 ? 0 : (widths[column] ?? 0))).join("  "));
}

function shown({ text, paint }: Cell, width: number): string {
  return (paint ? paint(text) : text) + " ".repeat(Math.max(0, width - text.length));
}

/** How long ago, roughly: `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `9 d ago`. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - atMs) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}
