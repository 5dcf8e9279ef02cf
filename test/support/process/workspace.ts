/**
 * A folder with a tunnels.json, and a daemon, keys and state of its own: what somebody has who runs `tunneld` commands
 * in a project. The daemon ends with the stage, whatever the test left.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatusJson } from "../../../daemon/cli/status-json.ts";
import { type Maker, startEnd, TUNNELD } from "./ends.ts";
import { isAlive } from "./proc-info.ts";
import type { Program } from "./program.ts";
import { type Result, type RunOptions, tunneld } from "./run.ts";
import type { Stage } from "./stage.ts";
import { until } from "./until.ts";

/** Entries of a tunnels.json. */
export type Entries = Readonly<Record<string, unknown>>;

/** See the file's header. */
export class Workspace {
  readonly folder: string;
  readonly stateDir: string;
  readonly configPath: string;
  readonly #stage: Stage;

  constructor(stage: Stage, name = "ws") {
    this.#stage = stage;
    this.folder = stage.path(name);
    this.stateDir = join(this.folder, "state");
    this.configPath = join(this.folder, ".vscode", "tunnels.json");
    mkdirSync(join(this.folder, ".vscode"), { recursive: true, mode: 0o700 });
    stage.own(() => this.killDaemon());
  }

  /** Writes the tunnels.json. */
  write(entries: Entries): void {
    this.writeText(JSON.stringify({ version: 1, tunnels: entries }, undefined, 2));
  }

  writeText(text: string): void {
    writeFileSync(this.configPath, text);
  }

  /** Puts a new key into the key folder; returns its file, for the other end. */
  makeKey(name = "team"): string {
    const folder = join(this.stateDir, "keys");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, name), randomBytes(32), { mode: 0o600 });
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

  /** The daemon's process id, as its discovery file says; undefined when there is none. */
  get daemonPid(): number | undefined {
    try {
      const [file] = readdirSync(join(this.stateDir, "run")).filter((name) => name.endsWith(".json"));
      return file === undefined ? undefined : (JSON.parse(readFileSync(join(this.stateDir, "run", file), "utf8")) as { readonly pid: number }).pid;
    } catch {
      return undefined;
    }
  }

  /** SIGKILL; resolves when it is gone. */
  async killDaemon(): Promise<void> {
    const pid = this.daemonPid;
    if (pid === undefined || !isAlive(pid)) return;
    process.kill(pid, "SIGKILL");
    await until(() => !isAlive(pid), { what: "the daemon was gone" });
  }
}

/** A server's end in front of `port`, by Debian's spiped unless told otherwise; returns the address that an entry's "target" takes. */
export async function startFarEnd(stage: Stage, options: { readonly port: number; readonly key: string; readonly maker?: Maker }): Promise<string> {
  const { address } = await startEnd(stage, { maker: options.maker ?? "Debian's", role: "-d", target: `[127.0.0.1]:${options.port}`, key: options.key });
  return address;
}
