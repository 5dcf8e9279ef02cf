/**
 * Options of `tunneld daemon`, and how they are written as arguments for a
 * successor.
 */
import { TunnelError } from "../../shared/errors.ts";
import { isLogLevel, type LogLevel } from "../lifecycle/logger.ts";
import { type OptionTable, parseOptions, stateDirOf } from "./options.ts";

/** How a daemon runs. */
export interface DaemonOptions {
  /** undefined: the user's own. */
  readonly stateDir: string | undefined;
  readonly logLevel: LogLevel;
  /** How long tunnels stay open after the last window that wanted them is gone. */
  readonly lingerMs: number;
  /** How long the daemon stays when nobody needs it. */
  readonly idleMs: number;
  /** How long SIGTERM lets connections go on. */
  readonly drainMs: number;
  /** Started by a client: logs nothing to standard error. */
  readonly background: boolean;
}

const TABLE: OptionTable = {
  "--state-dir": "value",
  "--log-level": "value",
  "--linger": "value",
  "--idle": "value",
  "--drain": "value",
  "--background": "flag",
};

/** The design's linger: the reload of a window breaks no tunnel. */
const DEFAULT_LINGER_S = 60;
const DEFAULT_IDLE_S = 30;
const DEFAULT_DRAIN_S = 60;

/**
 * Reads the options of `tunneld daemon`.
 * @throws TunnelError CONFIG_INVALID
 */
export function parseDaemonOptions(args: readonly string[]): DaemonOptions {
  const { flags, values, operands } = parseOptions(args, TABLE);
  if (operands.length > 0) throw new TunnelError("CONFIG_INVALID", `"${operands[0]}" is not an option of tunneld daemon: see tunneld daemon --help`);
  const level = values.get("--log-level") ?? "info";
  if (!isLogLevel(level)) throw new TunnelError("CONFIG_INVALID", `--log-level ${level}: choose debug, info, warn or error`);
  return {
    stateDir: stateDirOf(values),
    logLevel: level,
    lingerMs: seconds(values, "--linger", DEFAULT_LINGER_S),
    idleMs: seconds(values, "--idle", DEFAULT_IDLE_S),
    drainMs: seconds(values, "--drain", DEFAULT_DRAIN_S),
    background: flags.has("--background"),
  };
}

/** The same options as arguments, for a successor that runs in another folder. `stateDir` must be absolute. */
export function daemonArguments({ stateDir, logLevel, lingerMs, idleMs, drainMs, background }: DaemonOptions): string[] {
  return [
    "daemon",
    ...(background ? ["--background"] : []),
    ...(stateDir === undefined ? [] : ["--state-dir", stateDir]),
    ...["--log-level", logLevel, "--linger", String(lingerMs / 1000), "--idle", String(idleMs / 1000), "--drain", String(drainMs / 1000)],
  ];
}

function seconds(values: ReadonlyMap<string, string>, option: string, fallback: number): number {
  const text = values.get(option);
  const value = text === undefined ? fallback : Number(text.trim() === "" ? Number.NaN : text);
  if (!(value >= 0 && value <= 86_400)) throw new TunnelError("CONFIG_INVALID", `${option} ${text}: give a number of seconds, such as ${fallback}`);
  return value * 1000;
}
