/**
 * What is wrong with an entry apart from its text, as far as this window can tell: a
 * missing key, or a port that the tunnel can't have. Pure.
 */
import type { TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import type { TunnelItem } from "../tunnel-item.ts";

/** Fingerprints of the keys that the daemon has, by name. */
export type KnownKeys = ReadonlyMap<string, string>;

/** The names of the keys that an entry asks for; keys in files of their own have no name. */
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

/** Whether another port would help: this port is taken, or the system does not let us listen at it. */
export function needsOtherPort({ status }: Pick<TunnelItem, "status">): boolean {
  const code = status?.lastFailure?.code;
  return status?.state === "port-busy" || code === "LISTEN_IN_USE" || code === "LISTEN_DENIED";
}
