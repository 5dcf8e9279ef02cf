/**
 * The daemon's log as a service: levels, a ring of the last entries for those
 * who subscribe late, subscribers, and lines of JSON for the file. Must never be
 * given a key or a password: nothing is filtered here.
 */
import type { LogEntry } from "../../shared/contract/methods.ts";
import type { Dispose } from "./clock.ts";

/** From the most talkative to the most silent. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Our choice: RPC allows a replay of 10,000; this is what a person reads. */
const RING_ENTRIES = 1_000;
/** Our choice: a message may quote what a stranger wrote, so it has a bound. */
const MAX_MESSAGE_CHARS = 4_096;

/** What an entry is about. */
export type LogContext = Pick<LogEntry, "tunnel" | "code">;

/** How a logger works. */
export interface LoggerOptions {
  /** What is kept and written; subscribers have a level of their own. */
  readonly level: LogLevel;
  readonly wallMs: () => number;
  /** Takes each line, without newline: LogFile.write, or standard error in the foreground. */
  readonly write: (line: string) => void;
  readonly ringEntries?: number;
}

/** Who wants to hear. */
export interface LogSubscription {
  readonly level: LogLevel;
  /** Must not throw, and must not log. */
  readonly onEntry: (entry: LogEntry) => void;
}

/** Collects what happens. */
export class Logger {
  readonly #options: LoggerOptions;
  readonly #ringEntries: number;
  readonly #subscriptions = new Set<LogSubscription>();
  #ring: LogEntry[] = [];
  #level: LogLevel;

  constructor(options: LoggerOptions) {
    this.#options = options;
    this.#level = options.level;
    this.#ringEntries = options.ringEntries ?? RING_ENTRIES;
  }

  /** What is kept and written from now on. */
  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  /** Adds one entry; `message` is one sentence without secrets. */
  log(level: LogLevel, message: string, context: LogContext = {}): void {
    const text = message.length > MAX_MESSAGE_CHARS ? `${message.slice(0, MAX_MESSAGE_CHARS)}…` : message;
    const entry: LogEntry = { atMs: this.#options.wallMs(), level, message: text, ...context };
    if (reaches(level, this.#level)) {
      this.#keep(entry);
      this.#options.write(logLine(entry));
    }
    for (const { level: wanted, onEntry } of [...this.#subscriptions]) if (reaches(level, wanted)) onEntry(entry);
  }

  /** The last `count` entries of at least this level that were kept, oldest first. */
  replay(count: number, level: LogLevel): readonly LogEntry[] {
    return count <= 0 ? [] : this.#ring.filter((entry) => reaches(entry.level, level)).slice(-Math.min(count, this.#ringEntries));
  }

  /** Sends every entry from now on, of the subscription's own level; the caller owns the result. */
  subscribe(subscription: LogSubscription): Dispose {
    // A copy, so that the same subscription made twice is ended apart.
    const own = { ...subscription };
    this.#subscriptions.add(own);
    return () => this.#subscriptions.delete(own);
  }

  /** Lets the array grow to twice its size before it cuts, so that an entry costs no copy. */
  #keep(entry: LogEntry): void {
    this.#ring.push(entry);
    if (this.#ring.length >= 2 * this.#ringEntries) this.#ring = this.#ring.slice(-this.#ringEntries);
  }
}

/** One entry as it stands in the file: a JSON object with an ISO time first, for people, in one line. */
export function logLine(entry: LogEntry): string {
  return JSON.stringify({ time: new Date(entry.atMs).toISOString(), ...entry });
}

/** Whether a word is a level, for `--log-level`. */
export function isLogLevel(word: string): word is LogLevel {
  return LOG_LEVELS.some((level) => level === word);
}

function reaches(level: LogLevel, wanted: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(wanted);
}
