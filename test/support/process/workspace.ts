/**
 * A folder with a tunnels.json, and its own daemon, keys and state: the set-up of a user who runs `tunneld` commands in
 * a project. The daemon ends with the stage, whatever the test did.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StatusJson } from "../../../daemon/cli/status-json.ts";
import { endProcessesOf } from "../../../scripts/lib/daemon-processes.mjs";
import type { Stage } from "../stage.ts";
import { type Maker, PATIENT_SECONDS, startEnd, TUNNELD } from "./ends.ts";
import { isAlive } from "./proc-info.ts";
import type { Program } from "./program.ts";
import { type Result, type RunOptions, tunneld } from "./run.ts";
import type { Entries } from "./tunneld.ts";
import { until } from "./until.ts";

/** See the file's header. */
export class Workspace {
  readonly folder: string;
  readonly stateDir: string;
  readonly configPath: string;
  readonly #stage: Stage;

  /** `stateDir` is beside the folder, as a user's would be, and has a short path, because it holds the daemon's socket. */
  constructor(stage: Stage, name = "ws", stateDir = stage.path(`${name}-state`)) {
    this.#stage = stage;
    this.folder = stage.path(name);
    this.stateDir = stateDir;
    this.configPath = join(this.folder, ".vscode", "tunnels.json");
    mkdirSync(this.folder, { recursive: true });
    stage.own(() => endProcessesOf(this.stateDir));
  }

  /** Writes the tunnels.json; every entry has a long timeout unless it says otherwise. */
  write(entries: Entries): void {
    const tunnels = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, { timeoutSeconds: PATIENT_SECONDS, ...entry }]));
    this.writeText(`${JSON.stringify({ version: 1, tunnels }, undefined, 2)}\n`);
  }

  writeText(text: string): void {
    this.file(".vscode/tunnels.json", text);
  }

  /** Writes a file of the folder; returns its path. */
  file(relative: string, text: string): string {
    const path = join(this.folder, relative);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Text of a file of the folder; undefined when there is none. */
  read(relative: string): string | undefined {
    const path = join(this.folder, relative);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  /** Puts a key into the user's key folder, a new one by default; returns its file, for the other end. */
  key(name = "team", bytes: Uint8Array = randomBytes(32)): string {
    const folder = join(this.stateDir, "keys");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), bytes, { mode: 0o600 });
    return join(folder, name);
  }

  /** Runs `tunneld ARGS` in the folder to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    return tunneld(this.#stage, args, { cwd: this.folder, env: this.env, ...options });
  }

  /** Starts `tunneld ARGS`. */
  start(args: readonly string[]): Program {
    return this.#stage.spawn(process.execPath, [TUNNELD, ...args], { cwd: this.folder, env: this.env });
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, TUNNELD_STATE_DIR: this.stateDir };
  }

  /** `status --json`, parsed. */
  async status(): Promise<StatusJson> {
    const { stdout } = await this.run(["status", "--json"]);
    return JSON.parse(stdout.toString()) as StatusJson;
  }

  /** The running daemon's process id, as its discovery file says; undefined when there is none. */
  get daemonPid(): number | undefined {
    try {
      const [file = ""] = readdirSync(join(this.stateDir, "run")).filter((name) => name.endsWith(".json"));
      const { pid } = JSON.parse(readFileSync(join(this.stateDir, "run", file), "utf8")) as { readonly pid: number };
      return isAlive(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** Kills the daemon with SIGKILL; resolves when it is gone. */
  async killDaemon(): Promise<void> {
    const pid = this.daemonPid;
    if (pid === undefined) return;
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), { what: "the daemon was gone" });
  }
}

/** A server's end in front of `port`, by Debian's spiped unless told otherwise; returns the address that an entry's "target" takes. */
export async function startFarEnd(stage: Stage, options: { readonly port: number; readonly key: string; readonly maker?: Maker }): Promise<string> {
  const { address } = await startEnd(stage, { maker: options.maker ?? "Debian's", role: "-d", target: `[127.0.0.1]:${options.port}`, key: options.key });
  return address;
}
