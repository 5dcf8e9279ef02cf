/**
 * What is wrong with an entry outside its text, as far as this window can tell: a
 * key that it lacks, a port that it can't have. Pure.
 */
import type { TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import type { TunnelItem } from "../tunnel-item.ts";

/** Fingerprints of the keys that the daemon has, by name. */
export type KnownKeys = ReadonlyMap<string, string>;

/** The names under which an entry asks for keys; those in files of their own are none. */
export function keyNames(entry: Pick<TunnelEntry, "key"> | undefined): string[] {
  if (!entry) return [];
  return (Array.isArray(entry.key) ? entry.key : [entry.key]).filter((key) => typeof key === "string");
}

/** The first key that is missing; `keys` is undefined when no daemon has been asked. */
export function missingKey({ entry, status }: Pick<TunnelItem, "entry" | "status">, keys: KnownKeys | undefined): string | undefined {
  const names = keyNames(entry);
  if (keys) return names.find((name) => !keys.has(name));
  const lacks = status?.state === "waiting-for-key" || (status?.state !== "closed" && status?.lastFailure?.code === "KEY_NOT_FOUND");
  return lacks ? names[0] : undefined;
}

/** Whether another port would help: somebody has this one, or the system does not let us. */
export function needsOtherPort({ status }: Pick<TunnelItem, "status">): boolean {
  const code = status?.lastFailure?.code;
  return status?.state === "port-busy" || code === "LISTEN_IN_USE" || code === "LISTEN_DENIED";
}
