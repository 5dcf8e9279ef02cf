/**
 * Which of the daemon's tunnels a command means: chosen by name, and by file when
 * several files have a tunnel of that name.
 */

import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { nearest } from "../../shared/nearest.ts";
import { plainText, quote } from "../../shared/plain-text.ts";

/** Which file counts when a name alone is not enough. */
export interface Preference {
  /** --config: no other file counts. */
  readonly only: string | undefined;
  /** The file of this folder, which counts first. Called only when it is needed. */
  readonly first: () => string | undefined;
}

/**
 * The tunnels with these names, each once.
 * @throws TunnelError CONFIG_INVALID when there is no such tunnel, or when there are several and no file decides
 */
export function selectTunnels(tunnels: readonly TunnelStatus[], names: readonly string[], preference: Preference): TunnelStatus[] {
  return [...new Set(names)].map((name) => selectTunnel(tunnels, name, preference));
}

/** Like {@link selectTunnels}, for one name. */
export function selectTunnel(tunnels: readonly TunnelStatus[], name: string, { only, first }: Preference): TunnelStatus {
  const candidates = only === undefined ? tunnels : tunnels.filter(({ configPath }) => configPath === only);
  const found = candidates.filter((tunnel) => tunnel.name === name);
  const [one, another] = found;
  if (!one) throw unknown(name, candidates);
  if (!another) return one;
  const here = first();
  const near = found.find(({ configPath }) => configPath === here);
  if (near) return near;
  const files = found.map(({ configPath }) => plainText(configPath)).join(", ");
  throw new TunnelError("CONFIG_INVALID", `several files have a tunnel ${quote(name)} (${files}): say which with --config`);
}

function unknown(name: string, tunnels: readonly TunnelStatus[]): TunnelError {
  const guess = nearest(
    name,
    tunnels.map((tunnel) => tunnel.name),
  );
  return new TunnelError(
    "CONFIG_INVALID",
    `no tunnel ${quote(name)} is open: ${guess ? `did you mean ${quote(guess)}?` : `"tunneld up ${plainText(name)}" opens it`}`,
  );
}
