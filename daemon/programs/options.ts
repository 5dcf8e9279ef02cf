/**
 * Reads option lists the way spiped's getopt does: `-dF`, `-n 5`, `-n5`,
 * `--name`, `--name VALUE`, `--name=VALUE`; `--` ends the options. An option given
 * twice is an error, as in spiped.
 */
import { TunnelError } from "../../shared/errors.ts";
import { STATE_DIR_VARIABLE } from "../lifecycle/paths.ts";

/** The options that a command knows, with dashes; the value says whether the option takes an argument. */
export type OptionTable = Readonly<Record<string, "flag" | "value">>;

/** What was given. */
export interface ParsedOptions {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/**
 * Reads `args`; options after the option `stopAt` are ignored.
 * @throws TunnelError CONFIG_INVALID for an unknown or repeated option or a missing argument.
 */
export function parseOptions(args: readonly string[], table: OptionTable, stopAt?: string): ParsedOptions {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const operands: string[] = [];
  const queue = [...args];
  const take = (option: string, attached: string | undefined): void => {
    if (stopAt !== undefined && flags.has(stopAt)) return;
    if (flags.has(option) || values.has(option)) throw new TunnelError("CONFIG_INVALID", `${option} is given twice: give it once`);
    switch (table[option]) {
      case "flag":
        if (attached !== undefined) throw new TunnelError("CONFIG_INVALID", `${option} takes no argument`);
        flags.add(option);
        return;
      case "value": {
        const value = attached ?? queue.shift();
        if (value === undefined) throw new TunnelError("CONFIG_INVALID", `${option} needs an argument after it`);
        values.set(option, value);
        return;
      }
      case undefined:
        throw new TunnelError("CONFIG_INVALID", `unknown option ${option}: see --help`);
    }
  };
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    if (arg === "--") {
      operands.push(...queue.splice(0));
    } else if (arg.startsWith("--")) {
      const equals = arg.indexOf("=");
      take(equals < 0 ? arg : arg.slice(0, equals), equals < 0 ? undefined : arg.slice(equals + 1));
    } else if (arg.startsWith("-") && arg !== "-") {
      takePacked(arg, table, take);
    } else {
      operands.push(arg);
    }
  }
  return { flags, values, operands };
}

/** `-dFn5`: flags one after another; the text after an option with an argument is that argument. */
function takePacked(arg: string, table: OptionTable, take: (option: string, attached: string | undefined) => void): void {
  for (let index = 1; index < arg.length; index++) {
    const option = `-${arg[index]}`;
    const rest = arg.slice(index + 1);
    if (table[option] === "value") {
      take(option, rest === "" ? undefined : rest);
      return;
    }
    take(option, undefined);
  }
}

/** Our choice: nobody waits longer than a day. */
const MAX_SECONDS = 86_400;

/**
 * The option in milliseconds; undefined when it was not given.
 * @throws TunnelError CONFIG_INVALID
 */
export function secondsOption(values: ReadonlyMap<string, string>, option: string): number | undefined {
  const text = values.get(option);
  if (text === undefined) return undefined;
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= MAX_SECONDS)) throw new TunnelError("CONFIG_INVALID", `${option} ${text}: give a number of seconds from 0 to ${MAX_SECONDS}`);
  return value * 1000;
}

/** `--state-dir`, else the environment variable, else undefined. */
export function stateDirOf(values: ReadonlyMap<string, string>): string | undefined {
  return values.get("--state-dir") ?? (process.env[STATE_DIR_VARIABLE] || undefined);
}
