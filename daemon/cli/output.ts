/**
 * What commands print: results on standard output, everything else on standard
 * error. Text from files and peers is made plain here, so that it can't drive a
 * terminal; colour only where somebody sees it.
 */

import { wholeText } from "../../shared/contract/whole-text.ts";
import { plainText } from "../../shared/plain-text.ts";

/** SGR parameters, ECMA-48 8.3.117. */
const SGR = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** One of the few ways in which text may stand out. */
export type Style = keyof typeof SGR;

/** What {@link createOutput} writes to: the parts of a stream it needs. */
export interface Sink {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
  on(event: "error", listener: (error: NodeJS.ErrnoException) => void): unknown;
}

/** Where a command's words go. */
export interface Output {
  /** Somebody sees standard output. */
  readonly isTerminal: boolean;
  /** The terminal's width; undefined where nobody sees standard output. */
  readonly columns: number | undefined;
  /** A line of the result, made plain. Styles are added afterwards: see {@link Output.paint}. */
  say(line: string): void;
  /** A line about the result, made plain, behind the program's name. */
  warn(line: string): void;
  /** A line on standard error without the name: a place in a file, a question's facts. */
  note(line: string): void;
  /** As `note`, for what somebody is to approve: nothing is removed or cut, what can't be seen is escaped. */
  whole(line: string): void;
  /** Text as it is: JSON, and lines put together from `paint`. */
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

/** Ends the process because standard output can't be written. A reader who has seen enough (| head) is no failure of ours; a full disk is. */
export function endWithoutOutput(error: NodeJS.ErrnoException, { name, stderr }: { readonly name: string; readonly stderr: Pick<Sink, "write"> }): never {
  if (error.code === "EPIPE") process.exit(0);
  stderr.write(`${name}: standard output can't be written: ${plainText(error.message)}\n`);
  process.exit(1);
}

/** Output on this process's own streams. */
export function ownOutput(name: string): Output {
  return createOutput({ name, stdout: process.stdout, stderr: process.stderr, env: process.env });
}

/** JSON for people's terminals and for programs alike: what could drive a terminal is escaped, which changes no value. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(/[\p{Cf}\u007f-\u009f\u2028\u2029]/gu, (char) =>
    Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`).join(""),
  );
}
