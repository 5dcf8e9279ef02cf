/**
 * The environment a command gets from the tunnels it was given: what their
 * entries say, and TUNNEL_<NAME>_URL, _HOST and _PORT for each. Two tunnels that
 * set the same variable are refused: nobody could say which database is reached. Pure.
 */
import { quote } from "../contract/plain-text.ts";
import type { TunnelEntry } from "../contract/tunnels-file.ts";
import { TunnelError } from "../errors.ts";
import { expandEnv, type LocalEnd, placeholdersOf } from "../services/url.ts";

/** A tunnel that is open. */
export interface OpenTunnel {
  readonly name: string;
  readonly entry: Pick<TunnelEntry, "role" | "service" | "user" | "database" | "env">;
  readonly listen: LocalEnd;
}

/** The variables' common beginning: `my-cache.2` becomes `TUNNEL_MY_CACHE_2`. */
export function variablePrefix(name: string): string {
  return `TUNNEL_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/**
 * The variables of all `tunnels`. A server's end gives none: its port is encrypted.
 * @throws TunnelError CONFIG_INVALID when two of them set the same one
 */
export function tunnelEnvironment(tunnels: readonly OpenTunnel[]): Record<string, string> {
  const result = new Map<string, { readonly value: string; readonly by: string }>();
  for (const { name, entry, listen } of tunnels) {
    if (entry.role === "server") continue;
    const known = placeholdersOf(name, { service: entry.service, listen, user: entry.user, database: entry.database });
    const prefix = variablePrefix(name);
    const own = { [`${prefix}_URL`]: known.url, [`${prefix}_HOST`]: known.host, [`${prefix}_PORT`]: known.port };
    for (const [variable, value] of Object.entries({ ...own, ...expandEnv(entry.env ?? {}, known) })) {
      const earlier = result.get(variable);
      if (earlier) {
        throw new TunnelError("CONFIG_INVALID", `${quote(earlier.by)} and ${quote(name)} both set ${variable}: run the command for one of them, or rename it`);
      }
      result.set(variable, { value, by: name });
    }
  }
  return Object.fromEntries([...result].map(([variable, { value }]) => [variable, value]));
}
