/**
 * What a person who uses the extension has: a project folder with a tunnels.json, a key, and far away a real Redis
 * and a real MariaDB, each behind Debian's spiped. Keys, approvals and the daemon are in a state folder of its own.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunningMariaDb } from "../../../scripts/lib/mariadb.mjs";
import type { RunningRedis } from "../../../scripts/lib/redis.mjs";
import { endProcessesOf } from "../../../scripts/lib/workbench-server.mjs";
import { type Result, tunneld } from "../process/run.ts";
import type { Stage } from "../process/stage.ts";
import { startFarEnd } from "../process/workspace.ts";
import { startMariaDb, startRedis } from "../servers.ts";

/** Entries of a tunnels.json. */
export type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A project folder and the user's side of it; nothing far away yet. */
export class Project {
  readonly folder: string;
  readonly stateDir: string;
  readonly configPath: string;
  readonly #stage: Stage;

  constructor(stage: Stage, name = "project") {
    this.#stage = stage;
    this.folder = stage.path(name);
    // Short: the daemon's socket comes to lie in it.
    this.stateDir = stage.path("s");
    this.configPath = join(this.folder, ".vscode", "tunnels.json");
    mkdirSync(this.folder, { recursive: true });
    mkdirSync(join(this.stateDir, "keys"), { recursive: true, mode: 0o700 });
    stage.own(() => endProcessesOf(this.stateDir));
  }

  /** Writes .vscode/tunnels.json. */
  write(entries: Entries): void {
    this.writeText(`${JSON.stringify({ version: 1, tunnels: entries }, undefined, 2)}\n`);
  }

  writeText(text: string): void {
    this.file(".vscode/tunnels.json", text);
  }

  /** Writes a file of the project; returns its path. */
  file(relative: string, text: string): string {
    const path = join(this.folder, relative);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Text of a file of the project; undefined when there is none. */
  read(relative: string): string | undefined {
    const path = join(this.folder, relative);
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  /** Puts a key into the user's key folder, a new one by default; returns its file, for the far end. */
  key(name = "team", bytes: Uint8Array = randomBytes(32)): string {
    const file = join(this.stateDir, "keys", name);
    writeFileSync(file, bytes, { mode: 0o600 });
    return file;
  }

  /** A key that only the far end has yet: to be imported through the extension. */
  foreignKey(name = "foreign.key", bytes: Uint8Array = randomBytes(32)): string {
    const file = this.#stage.path(name);
    writeFileSync(file, bytes, { mode: 0o600 });
    return file;
  }

  /** Runs `tunneld ARGS` in the project, with the same daemon as the extension. */
  tunneld(...args: readonly string[]): Promise<Result> {
    return tunneld(this.#stage, args, { cwd: this.folder, env: { ...process.env, TUNNELD_STATE_DIR: this.stateDir } });
  }

  /** The daemon's process id; undefined when there is none. */
  async daemonPid(): Promise<number | undefined> {
    const { stdout } = await this.tunneld("status", "--json");
    return (JSON.parse(stdout.toString()) as { readonly daemon?: { readonly pid: number } | null }).daemon?.pid;
  }
}

/** Servers far away; the addresses are what an entry's "target" takes. */
export interface FarSide {
  readonly redis: RunningRedis;
  readonly redisTarget: string;
  readonly mariadb: RunningMariaDb;
  readonly mariadbTarget: string;
}

/** A real Redis behind Debian's spiped with this key file. */
export async function startRedisFarAway(stage: Stage, key: string): Promise<Pick<FarSide, "redis" | "redisTarget">> {
  const redis = await startRedis();
  stage.own(() => redis.stop());
  return { redis, redisTarget: withoutBrackets(await startFarEnd(stage, { port: redis.port, key })) };
}

/** A real MariaDB behind Debian's spiped with this key file. */
async function startMariaDbFarAway(stage: Stage, key: string): Promise<Pick<FarSide, "mariadb" | "mariadbTarget">> {
  const mariadb = await startMariaDb();
  stage.own(() => mariadb.stop());
  return { mariadb, mariadbTarget: withoutBrackets(await startFarEnd(stage, { port: mariadb.port, key })) };
}

/** Both, with the same key. */
export async function startFarSide(stage: Stage, key: string): Promise<FarSide> {
  const [redis, mariadb] = await Promise.all([startRedisFarAway(stage, key), startMariaDbFarAway(stage, key)]);
  return { ...redis, ...mariadb };
}

/** spiped's "[127.0.0.1]:6379" as people write it. */
function withoutBrackets(address: string): string {
  return address.replace(/^\[([\d.]+)\]/, "$1");
}
