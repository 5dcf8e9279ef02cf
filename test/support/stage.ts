/**
 * Owner of everything that one test opens: processes, sockets, servers, a folder. After the test, failed or not, all of
 * it is disposed of in reverse order. A process is ended by its own pid, never by a name; when the test process itself
 * ends early, an exit handler disposes of the rest.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Program } from "./process/program.ts";

type Dispose = () => unknown;

const left = new Set<Dispose>();
process.on("exit", () => {
  for (const dispose of left) dispose();
});
for (const signal of ["SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(128 + constants.signals[signal]));

/** What one test owns. */
export class Stage {
  readonly #disposers: Dispose[] = [];
  #folder: string | undefined;

  /** A private folder with a path that is short enough for unix sockets. */
  get folder(): string {
    if (this.#folder === undefined) {
      const folder = mkdtempSync("/tmp/tnl-");
      this.#folder = folder;
      this.own(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
    }
    return this.#folder;
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Calls `dispose` at the end, with `thing` if given, which is returned. `dispose` must work synchronously, as it may run in an exit handler. */
  own(dispose: Dispose): void;
  own<T>(thing: T, dispose: (thing: T) => unknown): T;
  own<T>(thing: T | Dispose, dispose?: (thing: T) => unknown): T | undefined {
    const end = dispose ? (): unknown => dispose(thing as T) : (thing as Dispose);
    left.add(end);
    this.#disposers.push(end);
    return dispose ? (thing as T) : undefined;
  }

  /** Starts a process and kills it at the end if it still runs. The end of its output is kept. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): Program {
    const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
    this.own(() => child.kill("SIGKILL"));
    return new Program(child);
  }

  /** Kills a process at the end that another program started (a daemon, known by its pid file). */
  ownPid(pid: number): number {
    this.own(() => {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    });
    return pid;
  }

  /** Disposes of everything, last first. */
  async end(): Promise<void> {
    for (let dispose = this.#disposers.pop(); dispose; dispose = this.#disposers.pop()) {
      left.delete(dispose);
      await dispose();
    }
    this.#folder = undefined;
  }
}

/** A stage for each test of the surrounding `describe`. */
export function stageForEach(): Stage {
  const stage = new Stage();
  afterEach(() => stage.end());
  return stage;
}

/** One stage for all tests of the surrounding `describe`. */
export function stageForAll(): Stage {
  const stage = new Stage();
  after(() => stage.end());
  return stage;
}
