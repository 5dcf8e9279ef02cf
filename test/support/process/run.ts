/**
 * Runs a program to its end. Its output goes to files: a daemon that it leaves behind would keep pipes open, and the
 * daemon's later output can be read there too.
 */
import type { SpawnOptions } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import type { Stage } from "../stage.ts";
import { TUNNELD } from "./ends.ts";

let runs = 0;

/** The result of a run. */
export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** Without the last line feed. */
  readonly stderr: string;
  /** The file to which a daemon that was left behind goes on writing. */
  readonly stderrFile: string;
}

/** More settings of a run. */
export type RunOptions = Omit<SpawnOptions, "stdio"> & { readonly input?: string | Uint8Array };

/** Runs `command` with `input` on standard input. */
export async function run(stage: Stage, [command, ...args]: readonly [string, ...string[]], options: RunOptions = {}): Promise<Result> {
  const { input = "", ...rest } = options;
  const number = ++runs;
  const files = [stage.path(`out.${number}`), stage.path(`err.${number}`)] as const;
  const [out, err] = files.map((file) => openSync(file, "w"));
  const program = stage.spawn(command, args, { ...rest, stdio: ["pipe", out, err] });
  closeSync(out as number);
  closeSync(err as number);
  program.child.stdin?.end(input);
  const { code, signal } = await program.exit();
  return { code, signal, stdout: readFileSync(files[0]), stderr: readFileSync(files[1], "utf8").replace(/\n$/, ""), stderrFile: files[1] };
}

/** Runs `tunneld ARGS`. */
export function tunneld(stage: Stage, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return run(stage, [process.execPath, TUNNELD, ...args], options);
}
