/**
 * The name of the key that was generated or imported last: new entries use it. Only
 * the name is remembered, on this machine.
 */
import type { KnownKeys } from "../../model/editor/entry-condition.ts";
import { newestFirst } from "../../model/editor/newest-key.ts";
import type { Services } from "../../services.ts";

const NEWEST_KEY = "newestKey";

/** Remembers a key that has just been made or taken in. */
export function rememberKey({ context }: Pick<Services, "context">, name: string): void {
  void context.globalState.update(NEWEST_KEY, name);
}

/** A key that is gone is not the newest one any more. */
export function forgetNewestKey({ context }: Pick<Services, "context">, name: string): void {
  if (context.globalState.get(NEWEST_KEY) === name) void context.globalState.update(NEWEST_KEY, undefined);
}

/** The key for a new entry: the newest one, else the only one; `keys` as in {@link keysByAge}. undefined: none is obvious. */
export function keyForNewEntry(services: Pick<Services, "context">, keys: KnownKeys | undefined): string | undefined {
  const newest = services.context.globalState.get<string>(NEWEST_KEY);
  if (!keys) return newest;
  if (newest !== undefined && keys.has(newest)) return newest;
  return keys.size === 1 ? [...keys.keys()][0] : undefined;
}

/** The keys, the newest one first. */
export function keysByAge({ context }: Pick<Services, "context">, keys: KnownKeys | undefined): KnownKeys | undefined {
  return keys && newestFirst(keys, context.globalState.get<string>(NEWEST_KEY));
}
