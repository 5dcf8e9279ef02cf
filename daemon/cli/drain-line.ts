/**
 * What a process in the foreground says when a signal has made it wait: else whoever
 * pressed Ctrl-C looks at a silent screen until the last connection has ended.
 */
import type { EndSignal } from "../lifecycle/shutdown.ts";

/** One line; undefined when there is nothing to wait for. */
export function drainLine({
  open,
  deadlineMs,
  signal,
}: {
  readonly open: number;
  readonly deadlineMs: number;
  readonly signal: EndSignal;
}): string | undefined {
  if (open === 0) return undefined;
  const what = open === 1 ? "1 connection is open and may go on" : `${open} connections are open and may go on`;
  const again = signal === "SIGINT" ? "Ctrl-C again cuts" : "a second signal cuts";
  return `${what} for ${deadlineMs / 1000} s; ${again} ${open === 1 ? "it" : "them"}`;
}
