/**
 * The environment that a tunnel gives to programs: TUNNEL_<NAME>_URL and the like,
 * and the variables of its entry with ${url}, ${host}, ${port} and ${name}
 * replaced. Pure.
 */
import { connectionUrl, type LocalEnd, reachableHost, type UrlParts, unbracketed } from "./connection-url.ts";
import type { ENV_PLACEHOLDERS } from "./env-rules.ts";
import type { TunnelEntry } from "./tunnels-file.ts";

/** Values of the placeholders in `env`. With a unix socket, host is its path and port is empty. */
export type Placeholders = Readonly<Record<(typeof ENV_PLACEHOLDERS)[number], string>>;

/** The placeholders of a tunnel called `name`. */
export function placeholdersOf(name: string, parts: UrlParts): Placeholders {
  const { listen } = parts;
  const url = connectionUrl(parts);
  return listen.kind === "unix"
    ? { url, host: listen.path, port: "", name }
    : { url, host: unbracketed(reachableHost(listen.host)), port: String(listen.port), name };
}

/** `env` with its placeholders replaced, once: text that a value brings in is not looked at again. Unknown placeholders stay. */
export function expandEnv(env: Readonly<Record<string, string>>, values: Placeholders): Record<string, string> {
  const known = new Map(Object.entries(values));
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replace(/\$\{([a-z]+)\}/g, (whole, inside: string) => known.get(inside) ?? whole)]),
  );
}

/** The common beginning of a tunnel's own variables: `my-cache.2` becomes `TUNNEL_MY_CACHE_2`. */
export function variablePrefix(name: string): string {
  return `TUNNEL_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** The parts of an entry that its environment is made of. */
export type EnvironmentEntry = Pick<TunnelEntry, "role" | "service" | "tls" | "user" | "database" | "env">;

/**
 * The variables of the tunnel called `name`: TUNNEL_<NAME>_URL, _HOST and _PORT, then what the entry's `env` says. A
 * server's end has no variables: its port is encrypted. If an entry sets one of the three itself, the entry wins.
 */
export function tunnelEnvironment(name: string, entry: EnvironmentEntry, listen: LocalEnd): Record<string, string> {
  if (entry.role === "server") return {};
  const known = placeholdersOf(name, { service: entry.service, listen, tls: entry.tls, user: entry.user, database: entry.database });
  const prefix = variablePrefix(name);
  return { [`${prefix}_URL`]: known.url, [`${prefix}_HOST`]: known.host, [`${prefix}_PORT`]: known.port, ...expandEnv(entry.env ?? {}, known) };
}
