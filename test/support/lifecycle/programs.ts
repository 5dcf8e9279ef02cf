/**
 * Test programs as real processes. They are bundled once, because a start with tsx
 * takes ten times as long.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as path from "node:path";
import { buildSync } from "esbuild";
import type { Stage } from "../stage.ts";
import { onLine } from "./greeting.ts";

/** Bundles test/support/lifecycle/NAME.ts into the folder; returns the bundle's path. */
export function bundleProgram(name: string, folder: string): string {
  const outfile = path.join(folder, `${name}.cjs`);
  const entry = path.join(import.meta.dirname, `${name}.ts`);
  buildSync({ entryPoints: [entry], bundle: true, platform: "node", format: "cjs", target: "node20", outfile, logLevel: "error" });
  return outfile;
}

/** What to run. */
export interface ProgramOptions {
  /** From {@link bundleProgram}. */
  readonly program: string;
  readonly args: readonly string[];
  readonly uid?: number;
}

/** A running program with input and output in lines. The stage ends it. */
export class LineProgram {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: ((line: string) => void)[] = [];
  #errors = "";

  constructor(stage: Stage, { program, args, uid }: ProgramOptions) {
    const child = spawn(process.execPath, [program, ...args], { cwd: path.dirname(program), stdio: "pipe", ...(uid !== undefined && { uid }) });
    this.child = child;
    stage.own(() => child.kill("SIGKILL"));
    child.stdin.on("error", () => {});
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    onLine(child.stdout, (line) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(line);
      else this.#lines.push(line);
    });
  }

  /** The next line of the program's output; rejects when the program ends without one. */
  line(): Promise<string> {
    const ready = this.#lines.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const ended = (): void => reject(new Error(`the program ended: ${this.#errors}`));
      this.child.once("close", ended);
      this.#waiting.push((line) => {
        this.child.removeListener("close", ended);
        resolve(line);
      });
    });
  }

  /** Sends a line; resolves to the answer. */
  ask(line: string): Promise<string> {
    const answer = this.line();
    this.child.stdin?.write(`${line}\n`);
    return answer;
  }

  /** Sends a signal; resolves when the program has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const closed = once(this.child, "close");
    this.child.kill(signal);
    await closed;
  }
}
