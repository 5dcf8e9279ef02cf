/**
 * The daemon's log as it is shown in a window: each entry once, although every new
 * subscription begins with a replay, and as one plain line.
 */
import type { LogEntry } from "../../../shared/contract/methods.ts";
import { plainText } from "../../../shared/plain-text.ts";

/** Our choice: several times what a replay brings. */
const MAX_REMEMBERED = 2_000;

/** Our choice: a line of a log. */
const MAX_LENGTH = 2_000;

/** See the file's header. */
export class SeenEntries {
  readonly #seen = new Set<string>();

  /** Whether `entry` has not come before. Two that say the same in the same millisecond are one. */
  isNew({ atMs, level, tunnel = "", message }: LogEntry): boolean {
    const key = [atMs, level, tunnel, message].join("\n");
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > MAX_REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return true;
  }
}

/** The text of an entry; its level and time are the log's own affair. A replayed one says when it was. */
export function logLine({ atMs, message, tunnel, code }: LogEntry, { isReplayed }: { readonly isReplayed: boolean }): string {
  const when = isReplayed && Number.isFinite(atMs) ? `(${timeText(atMs)}) ` : "";
  const about = tunnel === undefined ? "" : `${tunnel}: `;
  return plainText(`${when}${about}${message}${code === undefined ? "" : ` [${code}]`}`, { maxLength: MAX_LENGTH });
}

function timeText(atMs: number): string {
  // Beyond that there is no date.
  return Math.abs(atMs) > 8.64e15 ? String(atMs) : new Date(atMs).toISOString();
}
