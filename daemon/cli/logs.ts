/**
 * `tunneld logs`: the daemon's log. It comes from the daemon while one runs, else
 * from the end of its log file, which may say why no daemon runs.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { LogEntry } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { isLogLevel, LOG_LEVELS, type LogLevel } from "../lifecycle/logger.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { connectDaemon, pathsFor } from "./daemon-connection.ts";
import { type Output, ownOutput, type Style, safeJson } from "./output.ts";

const DEFAULT_ENTRIES = 50;
const MAX_ENTRIES = 10_000;
/** Our choice: how much of the file's end is searched. */
const MAX_TAIL_BYTES = 1024 * 1024;

/**
 * Prints the last entries; with -f goes on until the daemon ends.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runLogs(args: readonly string[], context: ProgramContext): Promise<number> {
  const table = { "--state-dir": "value", "-f": "flag", "-n": "value", "--level": "value", "--json": "flag" } as const;
  const { flags, values, operands } = parseOptions(args, table);
  if (operands.length > 0) throw new TunnelError("CONFIG_INVALID", "tunneld logs takes no names: it shows the daemon's log");
  const level = levelOf(values.get("--level"));
  const replay = countOf(values.get("-n"));
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const print = (entry: LogEntry): void => output.raw(`${flags.has("--json") ? safeJson(entry) : logLine(entry, output)}\n`);
  let ended: (wasMeant: boolean) => void = () => {};
  const end = new Promise<boolean>((resolve) => {
    ended = resolve;
  });
  const client = await connectDaemon(context, {
    paths,
    name: "logs",
    start: "never",
    onState: ({ at }) => {
      if (at === "lost") ended(false);
    },
  });
  if (!client) {
    for (const entry of tailOf(paths.logFile, replay, level)) print(entry);
    output.note(`no daemon is running; this was the end of ${paths.logFile}`);
    return flags.has("-f") ? 1 : 0;
  }
  try {
    if (flags.has("-f")) client.on("log/entry", print);
    client.on("daemon/closing", () => ended(true));
    const { replayed } = await client.request("log/subscribe", { replay, level });
    for (const entry of replayed) print(entry);
    if (!flags.has("-f")) return 0;
    const wasMeant = await end;
    output.note("the daemon has ended");
    return wasMeant ? 0 : 1;
  } finally {
    client.close();
  }
}

function levelOf(word = "info"): LogLevel {
  if (!isLogLevel(word)) throw new TunnelError("CONFIG_INVALID", `--level ${word}: choose debug, info, warn or error`);
  return word;
}

function countOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_ENTRIES;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= MAX_ENTRIES)) throw new TunnelError("CONFIG_INVALID", `-n ${text}: give a number of lines from 0 to ${MAX_ENTRIES}`);
  return count;
}

/** `2026-01-31 12:00:00.000  warn   cache: message (CODE)`, local time. */
export function logLine({ atMs, level, message, tunnel, code }: LogEntry, output: Pick<Output, "paint">): string {
  const at = new Date(atMs);
  const local = new Date(atMs - at.getTimezoneOffset() * 60_000).toISOString().replace("T", " ").replace("Z", "");
  const about = tunnel === undefined ? "" : `${output.paint("bold", tunnel)}: `;
  return `${output.paint("dim", local)}  ${output.paint(STYLES[level], level.padEnd(5))}  ${about}${plainText(message)}${code === undefined ? "" : ` (${plainText(code)})`}`;
}

const STYLES: Readonly<Record<LogLevel, Style>> = { debug: "dim", info: "green", warn: "yellow", error: "red" };

/** The last entries in the file; none if it can't be read. Other lines are left out. */
function tailOf(file: string, count: number, level: LogLevel): readonly LogEntry[] {
  const entries = readEnd(file)
    .split("\n")
    .flatMap((line) => entryOf(line) ?? []);
  const wanted = entries.filter((entry) => LOG_LEVELS.indexOf(entry.level) >= LOG_LEVELS.indexOf(level));
  return count === 0 ? [] : wanted.slice(-count);
}

function entryOf(line: string): LogEntry | undefined {
  try {
    const { atMs, level, message, tunnel, code } = JSON.parse(line) as Partial<Record<keyof LogEntry, unknown>>;
    if (typeof atMs !== "number" || typeof level !== "string" || !isLogLevel(level) || typeof message !== "string") return undefined;
    return { atMs, level, message, ...(typeof tunnel === "string" && { tunnel }), ...(typeof code === "string" && { code }) };
  } catch {
    return undefined;
  }
}

function readEnd(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, MAX_TAIL_BYTES));
    const length = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}
