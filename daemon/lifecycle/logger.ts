/**
 * The daemon's log as a service: levels, subscribers, a ring of the last entries
 * for late subscribers, and lines of JSON for the file. Never pass it a key or a
 * password: nothing is filtered here.
 */
import type { LogEntry } from "../../shared/contract/methods.ts";
import type { Dispose } from "../../shared/time.ts";

/** From the most to the least verbose. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Our choice: as many as a person reads; RPC allows a replay of 10,000. */
const RING_ENTRIES = 1_000;
/** Our choice: a message may quote text from a stranger, so its length is limited. */
const MAX_MESSAGE_CHARS = 4_096;

/** What an entry is about. */
export type LogContext = Pick<LogEntry, "tunnel" | "configPath" | "code">;

/** How a logger works. */
export interface LoggerOptions {
  /** The level of entries that are kept and written; subscribers have their own level. */
  readonly level: LogLevel;
  readonly wallMs: () => number;
  /** Takes each line, without newline: LogFile.write, or standard error in the foreground. */
  readonly write: (line: string) => void;
  readonly ringEntries?: number;
}

/** One subscriber. */
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

  /** Sets the level of entries that are kept and written from now on. */
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

  /** The last `count` kept entries of at least this level, oldest first. */
  replay(count: number, level: LogLevel): readonly LogEntry[] {
    return count <= 0 ? [] : this.#ring.filter((entry) => reaches(entry.level, level)).slice(-Math.min(count, this.#ringEntries));
  }

  /** Sends every entry from now on, of the subscription's own level; the caller owns the result. */
  subscribe(subscription: LogSubscription): Dispose {
    // A copy, so that a subscription made twice can be ended separately.
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

/** One entry as a line of the file: a JSON object that starts with an ISO time, for people. */
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
