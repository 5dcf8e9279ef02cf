/**
 * Ends of tunnels in the background, as an init script starts them: the parent returns, and a pid file names the child.
 */
import { existsSync, readFileSync } from "node:fs";
import type { Stage } from "../stage.ts";
import { freeAddress, type RoleOption } from "./ends.ts";
import { type Result, type RunOptions, run, tunneld } from "./run.ts";

/** How to start a background end. */
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

/** A background process, or why it did not start. */
export interface Daemon {
  /** How the parent ended. */
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

/** The process that a pid file names; the stage ends it. */
export function ownDaemon(stage: Stage, pidFile: string): number | undefined {
  return existsSync(pidFile) ? stage.ownPid(Number(readFileSync(pidFile, "utf8"))) : undefined;
}
