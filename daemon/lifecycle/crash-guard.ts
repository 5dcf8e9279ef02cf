/**
 * Stops a crash loop: whoever starts daemons (the client library) asks here
 * first. Five starts within three minutes, and it is time to say so instead of
 * trying a sixth time. The starts are kept in a file in the runtime folder, so
 * that all windows and commands count together.
 *
 * Ten clients that start a daemon at the same moment are one start: they race
 * for one daemon. A daemon that ends on purpose clears the record.
 */
import { rmSync } from "node:fs";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/** anchors.md: five crashes in three minutes, then stop and say so. */
const MAX_STARTS = 5;
const WINDOW_MS = 3 * 60_000;
/** Our choice: starts this close together are clients racing for the same daemon. */
const BURST_MS = 1_000;

/** Whether a start is allowed. */
export type StartVerdict =
  | { readonly kind: "allowed" }
  /** `message`: cause and cure in one sentence, for DAEMON_UNREACHABLE. */
  | { readonly kind: "refused"; readonly retryAfterMs: number; readonly message: string };

/** Where the record is kept, and by which clock. */
export interface CrashGuardOptions {
  /** DaemonPaths.startsFile. */
  readonly file: string;
  readonly uid: number | undefined;
  readonly wallMs: () => number;
}

/** Asks for leave to start a daemon, and records the start if it is given. Never throws: without a record, a start is allowed. */
export function recordStart(options: CrashGuardOptions): StartVerdict {
  const nowMs = options.wallMs();
  const starts = recentStarts(options, nowMs);
  const [first] = starts;
  const last = starts.at(-1);
  if (last !== undefined && nowMs - last < BURST_MS) return { kind: "allowed" };
  if (first !== undefined && starts.length >= MAX_STARTS) {
    const message = `the daemon was started ${MAX_STARTS} times in ${WINDOW_MS / 60_000} minutes and ended each time: see its log, then "tunneld daemon" shows why it ends`;
    return { kind: "refused", retryAfterMs: first + WINDOW_MS - nowMs, message };
  }
  try {
    writePrivateFile(options.file, JSON.stringify([...starts, nowMs]));
  } catch {
    // A folder that can't be written is the daemon's to complain about.
  }
  return { kind: "allowed" };
}

/** Forgets all starts: the daemon ended on purpose, or the user asked for a start in so many words. Never throws. */
export function clearStarts({ file }: Pick<CrashGuardOptions, "file">): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The record grows old by itself.
  }
}

/** Oldest first. Starts in the future are from before the clock was set back. */
function recentStarts({ file, uid }: CrashGuardOptions, nowMs: number): readonly number[] {
  try {
    const read = readPrivateFile(file, uid);
    if (read.kind !== "found") return [];
    const value: unknown = JSON.parse(read.text);
    if (!Array.isArray(value)) return [];
    return value.filter((start): start is number => typeof start === "number" && start <= nowMs && start > nowMs - WINDOW_MS);
  } catch {
    return [];
  }
}
