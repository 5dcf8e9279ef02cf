/**
 * A running program: its output, its end. `stage.ts` starts and ends it.
 */
import type { ChildProcess } from "node:child_process";
import { until, within } from "./until.ts";

/** A limit, because a program that floods its log must not fill our memory. */
const KEPT_CHARS = 1_000_000;

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process and its output so far. */
export class Program {
  readonly child: ChildProcess;
  /** Resolves when the process is gone; the error of a failed start rejects it. */
  readonly ended: Promise<Ending>;
  stdout = "";
  stderr = "";
  ending: Ending | undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout = (this.stdout + chunk.toString("latin1")).slice(-KEPT_CHARS);
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString("utf8")).slice(-KEPT_CHARS);
    });
    child.stdin?.on("error", () => {});
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        this.ending = { code, signal };
        resolve(this.ending);
      });
    });
    this.ended.catch(() => {});
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.child.spawnfile} did not start`);
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child.pid !== undefined && this.ending === undefined;
  }

  /** Lines of standard error. */
  get log(): readonly string[] {
    return this.stderr.split("\n").filter((line) => line !== "");
  }

  /** Waits for the program's end. */
  exit(): Promise<Ending> {
    return within(this.ended, { what: () => `${this.child.spawnargs.join(" ")} ended; it said: ${this.stderr}` });
  }

  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<Ending> {
    this.child.kill(signal);
    return this.exit();
  }

  /** Waits until standard error has a match. */
  logs(pattern: RegExp): Promise<void> {
    return until(() => pattern.test(this.stderr), { what: `${pattern} was in the log` }).catch((error: Error) => {
      throw new Error(`${error.message}; it is:\n${this.stderr}`);
    });
  }
}
