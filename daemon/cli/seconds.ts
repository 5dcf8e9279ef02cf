/**
 * Options that are a number of seconds, as the commands take them.
 */
import { TunnelError } from "../../shared/errors.ts";

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
