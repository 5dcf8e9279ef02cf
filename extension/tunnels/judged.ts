/**
 * What is known of an entry before it opens: the daemon's judgement, and whether
 * this machine has its key. Does not use VS Code.
 */
import { sameEntry } from "../../shared/contract/approved-entry.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { Event } from "../emitter.ts";
import type { Approval } from "../model/tunnel-item.ts";

/** The daemon's judgement of an entry, and the entry that it judged: as the daemon read it, or as the window had it at that moment. */
export interface Judged {
  readonly approval: Approval;
  readonly entry: TunnelEntry | undefined;
  /** The daemon could not judge it: it has no such key. */
  readonly lacksKey?: boolean;
}

/** The names of the keys on this machine, as a window can see them without a daemon. */
export interface KeyNames {
  /** undefined: not known. */
  has(name: string): boolean | undefined;
  /** Looks again. */
  refresh(): void;
  readonly onDidChange: Event<void>;
}

/** An answer about an older form of the entry does not count: no part of the entry is used before the daemon has judged it. */
export function judgementOf(judged: Judged | undefined, entry: TunnelEntry | undefined): Judged | undefined {
  return judged?.entry && entry && sameEntry(judged.entry, entry) ? judged : undefined;
}

/** The first key of the entry that is missing: the daemon's judgement counts, and this window's own look is for when there is none. */
export function firstMissing(entry: TunnelEntry, judged: Judged | undefined, keys: KeyNames | undefined): string | undefined {
  const lacksKey = judged?.lacksKey === true;
  if (judged && !lacksKey) return undefined;
  const names = [entry.key].flat().flatMap((key) => (typeof key === "string" ? [key] : []));
  return names.find((name) => keys?.has(name) === false) ?? (lacksKey ? names[0] : undefined);
}
