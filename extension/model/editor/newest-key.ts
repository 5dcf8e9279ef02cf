/** Keys in the order in which a new entry is offered them. Pure. */
import type { KnownKeys } from "./entry-condition.ts";

/** The same keys, `newest` before the others, if it is one of them. */
export function newestFirst(keys: KnownKeys, newest: string | undefined): KnownKeys {
  const fingerprint = newest === undefined ? undefined : keys.get(newest);
  return newest === undefined || fingerprint === undefined ? keys : new Map([[newest, fingerprint], ...keys]);
}
