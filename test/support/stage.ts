/**
 * Owner of everything one test starts: processes, sockets, servers, a folder. All of it is gone after the test,
 * failed or not, in reverse order. A process is ended by its own pid, never by a name; when the test process itself
 * ends early, an exit handler does what is left.
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

  /** A private folder on a path short enough for unix sockets, open for other users to pass through. */
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

  /** Calls `dispose` at the end; synchronous, as it may run in an exit handler. */
  own(dispose: Dispose): void {
    left.add(dispose);
    this.#disposers.push(dispose);
  }

  /** Starts a process; killed at the end if it still runs. Its output is kept (the end of it). */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): Program {
    const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
    this.own(() => child.kill("SIGKILL"));
    return new Program(child);
  }

  /** A process that somebody else started (a daemon, known by its pid file): killed at the end. */
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
