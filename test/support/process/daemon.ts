/**
 * Ends of tunnels in the background, the way an init script starts them: the parent returns, a pid file names the rest.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Stage } from "../stage.ts";
import { freeAddress, type RoleOption } from "./ends.ts";
import { type Result, type RunOptions, run, tunneld } from "./run.ts";

/** How to start one. */
export interface DaemonOptions {
  readonly role: RoleOption;
  readonly target: string;
  readonly key: string;
  readonly source?: string;
  readonly args?: readonly string[];
  /** Instead of `node dist/tunneld.cjs spiped`. */
  readonly command?: readonly [string, ...string[]];
  readonly run?: RunOptions;
}

/** A background process, or why there is none. */
export interface Daemon {
  /** What the parent came to. */
  readonly parent: Result;
  readonly address: string;
  readonly pidFile: string;
  /** From the pid file; undefined when there is none. */
  readonly pid: number | undefined;
}

/** Starts `spiped` without -F. */
export async function startDaemon(stage: Stage, options: DaemonOptions): Promise<Daemon> {
  const address = options.source ?? (await freeAddress());
  const pidFile = stage.path("pid");
  const args = [options.role, "-s", address, "-t", options.target, "-k", options.key, "-p", pidFile, ...(options.args ?? [])];
  const parent = await (options.command ? run(stage, [...options.command, ...args], options.run) : tunneld(stage, ["spiped", ...args], options.run));
  return { parent, address, pidFile, pid: ownDaemon(stage, pidFile) };
}

/** The process a pid file names, ended with the stage. */
export function ownDaemon(stage: Stage, pidFile: string): number | undefined {
  return existsSync(pidFile) ? stage.ownPid(Number(readFileSync(pidFile, "utf8"))) : undefined;
}
