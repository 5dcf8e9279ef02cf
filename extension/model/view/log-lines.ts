/**
 * The daemon's log as a window shows it: each entry once and as one plain line with
 * one time, although every new subscription begins with a replay.
 */
import { basename } from "node:path";
import { workspaceFolderOf } from "../../../shared/contract/config-file.ts";
import type { LogEntry } from "../../../shared/contract/methods.ts";
import { plainText } from "../../../shared/plain-text.ts";

/** Our choice: several times the size of a replay. */
const MAX_REMEMBERED = 2_000;

/** Our choice: a line of a log. */
const MAX_LENGTH = 2_000;

/** See the file's header. */
export class SeenEntries {
  readonly #seen = new Set<string>();

  /** Whether `entry` is new. Two entries that say the same in the same millisecond count as one. */
  isNew({ atMs, level, tunnel = "", configPath = "", message }: LogEntry): boolean {
    const key = [atMs, level, tunnel, configPath, message].join("\n");
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > MAX_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }
}

/** A tunnel that an entry can be about; `label` says which of several files it is from. */
export interface NamedTunnel {
  readonly name: string;
  readonly configPath: string;
  readonly label?: string;
}

/** The text of an entry that has just come; the log itself shows level and time. */
export function logLine(entry: LogEntry, known: readonly NamedTunnel[] = []): string {
  const { message, code } = entry;
  return plainText(`${aboutText(entry, known)}${message}${code === undefined ? "" : ` [${code}]`}`, { maxLength: MAX_LENGTH });
}

/** Entries from before, as one entry of the log: a heading, and then each with its own level and time, as the log writes them. */
export function replayLines(entries: readonly LogEntry[], known: readonly NamedTunnel[], heading: string): string {
  return [heading, ...entries.map((entry) => `${timeText(entry.atMs)} [${plainText(entry.level, { maxLength: 16 })}] ${logLine(entry, known)}`)].join("\n");
}

/** Whose line it is: with the file's label where two tunnels have the same name. */
function aboutText({ tunnel, configPath }: LogEntry, known: readonly NamedTunnel[]): string {
  if (tunnel === undefined) return "";
  const twins = known.filter(({ name }) => name === tunnel);
  const isTwin = configPath !== undefined && twins.some((twin) => twin.configPath !== configPath);
  if (!isTwin) return `${tunnel}: `;
  const label = twins.find((twin) => twin.configPath === configPath)?.label ?? basename(workspaceFolderOf(configPath));
  return `${tunnel} (${label}): `;
}

/** Local time in the form of VS Code's own logs. */
function timeText(atMs: number): string {
  // The largest time that a Date can hold.
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return String(atMs);
  const local = new Date(atMs - new Date(atMs).getTimezoneOffset() * 60_000);
  return Number.isNaN(local.getTime()) ? String(atMs) : local.toISOString().replace("T", " ").replace("Z", "");
}
