/**
 * Warnings of a long-running command: one line each, on standard error or to
 * syslog through the `logger` program; a failure that repeats is one line with
 * a count, not a flood.
 */
import { type ChildProcess, spawn } from "node:child_process";

/** Our choice: a failure is told once in this time; then how often it came since. */
const REPEAT_WINDOW_MS = 60_000;

/** Our choice: so many kinds of failure are told apart at a time; strangers' addresses are among the keys, so there is a bound. */
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

/** Passes a line on at most once in a minute per `key`, and counts the rest. */
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

  /** Tells what has been counted and not yet told; for the end of the command. */
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

/** Text from outside (names, peers) can't drive a terminal or forge a line. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return line.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
