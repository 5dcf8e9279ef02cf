/**
 * Stops a crash loop: the client library asks here before it starts a daemon.
 * After five starts within three minutes a sixth one is refused with a message.
 * The starts are kept in a file in the runtime folder, so that the starts of all
 * windows and commands count together.
 *
 * Ten clients that start a daemon at the same moment are one start: they race
 * for one daemon. A daemon that ends on purpose clears the record.
 */
import { rmSync } from "node:fs";
import { type Message, message } from "../../shared/message.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

/** Our choice, as vscode-languageclient has it: five crashes in three minutes, then stop and say so. */
const MAX_STARTS = 5;
const WINDOW_MS = 3 * 60_000;
/** Our choice: starts this close together are clients racing for the same daemon. */
const BURST_MS = 1_000;

/** Whether a start is allowed. */
export type StartVerdict =
  | { readonly kind: "allowed" }
  /** `reason`: cause and cure in one sentence, for DAEMON_UNREACHABLE. */
  | { readonly kind: "refused"; readonly retryAfterMs: number; readonly reason: Message };

/** Where the record is kept, and by which clock. */
export interface CrashGuardOptions {
  /** DaemonPaths.startsFile. */
  readonly file: string;
  readonly uid: number | undefined;
  readonly wallMs: () => number;
}

/** Asks for permission to start a daemon, and records the start if it is allowed. Never throws: without a record, a start is allowed. */
export function recordStart(options: CrashGuardOptions): StartVerdict {
  const nowMs = options.wallMs();
  const starts = recentStarts(options, nowMs);
  const [first] = starts;
  const last = starts.at(-1);
  if (last !== undefined && nowMs - last < BURST_MS) return { kind: "allowed" };
  if (first !== undefined && starts.length >= MAX_STARTS) {
    const reason = message(
      'the daemon was started {0} times in {1} minutes and ended each time: see its log, then "tunneld daemon" shows why it ends',
      MAX_STARTS,
      WINDOW_MS / 60_000,
    );
    return { kind: "refused", retryAfterMs: first + WINDOW_MS - nowMs, reason };
  }
  try {
    writePrivateFile(options.file, JSON.stringify([...starts, nowMs]));
  } catch {
    // The daemon itself reports a folder that can't be written.
  }
  return { kind: "allowed" };
}

/** Forgets all starts: the daemon ended on purpose, or the user asked for a start explicitly. Never throws. */
export function clearStarts({ file }: Pick<CrashGuardOptions, "file">): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The recorded starts expire anyway.
  }
}

/** Oldest first. Starts in the future are left out: they are from before the clock was set back. */
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
