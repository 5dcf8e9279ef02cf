/**
 * What a long-running program logs: one line for each event, to standard error or
 * to syslog through the `logger` program. A repeated failure is one line with a
 * count; `failureWords` decides which failures count together, and under which
 * name. After a signal, `drainLine` says what the program waits for.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { printable } from "../../shared/plain-text.ts";
import type { EndSignal } from "../lifecycle/shutdown.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import type { SessionNews } from "../proxy/native-way.ts";

/** Our choice: a failure is logged once in this time; after that comes a line that says how often it was repeated. */
const REPEAT_WINDOW_MS = 60_000;

/** Our choice: how many kinds of failure are kept apart at a time. Strangers' addresses are among the keys, so a limit is needed. */
const MAX_KEYS = 1_000;
const OTHERS = "\0others";

/** Takes one line without its line feed. */
export type WriteLine = (line: string) => void;

/** Writes to standard error as `name: line`. A closed standard error is ignored. */
export function stderrLines(name: string): WriteLine {
  process.stderr.on("error", () => {});
  return (line) => void process.stderr.write(`${name}: ${printable(line)}\n`);
}

/** Writes to syslog as `name`, facility daemon; to `fallback` where there is no `logger`. */
export function syslogLines(name: string, fallback: WriteLine): WriteLine {
  let logger: ChildProcess | undefined;
  const start = (): ChildProcess => {
    const child = spawn("logger", ["-t", `${name}[${process.pid}]`, "-p", "daemon.warning"], { stdio: ["pipe", "ignore", "ignore"] });
    child.unref();
    const gone = (): void => {
      logger = undefined;
    };
    child.once("exit", gone);
    child.once("error", (error) => {
      gone();
      fallback(`can't write to syslog: ${error.message}`);
    });
    child.stdin?.on("error", () => {});
    return child;
  };
  return (line) => {
    logger ??= start();
    logger.stdin?.write(`${printable(line)}\n`);
  };
}

/** Passes on at most one line per minute and key, and counts the rest. */
export class RepeatGuard {
  readonly #write: WriteLine;
  readonly #windowMs: number;
  readonly #held = new Map<string, { line: string; repeats: number }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(write: WriteLine, windowMs = REPEAT_WINDOW_MS) {
    this.#write = write;
    this.#windowMs = windowMs;
  }

  say(wanted: string, line: string): void {
    const key = this.#held.has(wanted) || this.#held.size < MAX_KEYS ? wanted : OTHERS;
    const held = this.#held.get(key);
    if (held) {
      held.line = line;
      held.repeats += 1;
      return;
    }
    this.#write(line);
    this.#held.set(key, { line, repeats: 0 });
    this.#wait(key);
  }

  /** Writes the counts that were not written yet; for the end of the command. */
  flush(): void {
    for (const { line, repeats } of this.#held.values()) if (repeats > 0) this.#write(`${line} (${repeats} more like this)`);
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#held.clear();
  }

  #wait(key: string): void {
    const timer = setTimeout(() => {
      const held = this.#held.get(key);
      if (!held || held.repeats === 0) {
        this.#held.delete(key);
        this.#timers.delete(key);
        return;
      }
      this.#write(`${held.line} (${held.repeats} more like this in the last ${Math.round(this.#windowMs / 1000)} s)`);
      held.repeats = 0;
      this.#wait(key);
    }, this.#windowMs).unref();
    this.#timers.set(key, timer);
  }
}

/** How a connection's failure is logged: under which name, from where, and which failures are counted together. */
export interface FailureWords {
  /** The entry's name, or the port with the names of all entries that share it: a stranger's connection belongs to none of them in particular. */
  readonly who: string;
  /** Whether `who` is such a port. */
  readonly isPort: boolean;
  /** Failures with the same key are logged once a minute. Each program at the wrong port has its own key, so that all can be found. */
  readonly key: string;
  /** The message and where the connection came from. */
  readonly text: string;
}

/** The words for a failure of the entry named `name`. */
export function failureWords(name: string, { error, peer, port }: Extract<ForwarderEvent, { type: "failure" }>): FailureWords {
  const who = port ? `${port.listen} (${port.entries.join(", ")})` : name;
  const from = error.code === "PLAIN_CLIENT" ? ` ${peer.replace(/:\d+$/, "")}` : "";
  return { who, isPort: port !== undefined, key: `${who} ${error.code}${from}`, text: `${error.message}${peer === "" ? "" : ` (connection from ${peer})`}` };
}

/** What has happened to a session of the native wire that carried connections. */
export function sessionWords(news: SessionNews): string {
  const { streams } = news;
  const connections = streams === 1 ? "1 connection" : `${streams} connections`;
  switch (news.what) {
    case "cut":
      return `${connections} ${streams === 1 ? "waits" : "wait"} for a new connection to the other end: ${news.error.message}`;
    case "back":
      return `${connections} ${streams === 1 ? "goes" : "go"} on: connected to the other end again after ${Math.max(1, Math.round(news.afterMs / 1000))} s`;
    case "gone":
      return `${connections} ${streams === 1 ? "was" : "were"} reset: ${news.error.message}`;
  }
}

/**
 * What a foreground process prints when it waits after a signal. Without this line the user who pressed Ctrl-C would see
 * nothing until the last connection ends. Undefined when there is nothing to wait for.
 */
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
