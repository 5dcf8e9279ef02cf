/**
 * Connection URLs for the local end of a tunnel, and the environment made from
 * them. What comes from a file is percent-encoded, so that it can't become
 * another part of the URL; a password is never in one. Pure.
 */
import { isIP, isIPv6 } from "node:net";
import { TunnelError } from "../errors.ts";
import { quote } from "../plain-text.ts";
import type { ENV_PLACEHOLDERS } from "./env-rules.ts";
import type { Service, TunnelEntry } from "./tunnels-file.ts";

/** Where a tunnel listens, as `proxy/address.ts` has it; for TCP with the real port. */
export type LocalEnd = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/**
 * What `TunnelStatus.listen` says of a tunnel that is open: `127.0.0.1:6579`, `[::1]:6579` or `/absolute/socket`.
 * @throws TunnelError CONFIG_INVALID when it is none of these, as it may be before the tunnel listens
 */
export function localEndOf(listen: string): LocalEnd {
  if (listen.startsWith("/")) return { kind: "unix", path: listen };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen);
  const [, bracketed, plain, digits] = match ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) === 0)) {
    throw new TunnelError("CONFIG_INVALID", `${quote(listen)} is no place to connect to: open the tunnel first`);
  }
  return { kind: "tcp", host, port };
}

/** What a connection URL is made of. */
export interface UrlParts {
  readonly service: Service;
  readonly listen: LocalEnd;
  readonly user?: string | undefined;
  readonly database?: string | number | undefined;
}

/**
 * The URL a client connects with.
 *
 *     redis://user@127.0.0.1:6579/2          unix://user@/run/cache.sock?db=2   (redis-py, go-redis)
 *     mysql://user@127.0.0.1:3307/orders     mysql://user@localhost/orders?socket=%2Frun%2Fdb.sock   (Prisma, sqlx, Rails)
 *     tcp://127.0.0.1:9000                   unix:///run/any.sock
 */
export function connectionUrl({ service, listen, user, database }: UrlParts): string {
  const login = user === undefined ? "" : `${encode(user)}@`;
  const name = database === undefined ? "" : encode(String(database));
  if (listen.kind === "tcp") {
    const authority = `${reachableHost(listen.host)}:${listen.port}`;
    return service === "tcp" ? `tcp://${authority}` : `${service}://${login}${authority}${name && `/${name}`}`;
  }
  const path = listen.path.split("/").map(encode).join("/");
  switch (service) {
    case "redis":
      return `unix://${login}${path}${name && `?db=${name}`}`;
    case "mysql":
      return `mysql://${login}localhost/${name}?socket=${encode(listen.path)}`;
    case "tcp":
      return `unix://${path}`;
  }
}

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

/** `env` with its placeholders replaced, once: what a value brings in is not looked at again. Unknown ones stay. */
export function expandEnv(env: Readonly<Record<string, string>>, values: Placeholders): Record<string, string> {
  const known = new Map(Object.entries(values));
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replace(/\$\{([a-z]+)\}/g, (whole, inside: string) => known.get(inside) ?? whole)]),
  );
}

/** The beginning that a tunnel's own variables have in common: `my-cache.2` becomes `TUNNEL_MY_CACHE_2`. */
export function variablePrefix(name: string): string {
  return `TUNNEL_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** What of an entry its environment is made of. */
export type EnvironmentEntry = Pick<TunnelEntry, "role" | "service" | "user" | "database" | "env">;

/**
 * The variables of the tunnel called `name`: TUNNEL_<NAME>_URL, _HOST and _PORT, then what the entry's `env` says.
 * A server's end gives none: its port is encrypted. An entry that sets one of the three itself has the last word.
 */
export function tunnelEnvironment(name: string, entry: EnvironmentEntry, listen: LocalEnd): Record<string, string> {
  if (entry.role === "server") return {};
  const known = placeholdersOf(name, { service: entry.service, listen, user: entry.user, database: entry.database });
  const prefix = variablePrefix(name);
  return { [`${prefix}_URL`]: known.url, [`${prefix}_HOST`]: known.host, [`${prefix}_PORT`]: known.port, ...expandEnv(entry.env ?? {}, known) };
}

/** A host to connect to on this machine; IPv6 in brackets. A listener at all addresses is reached at the loopback one. */
function reachableHost(host: string): string {
  // 127.0.0.1 even for "::", which takes IPv4 too: "localhost" is a socket to MySQL, and ::1 to Node.
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return isIPv6(host) ? `[${host.replace("%", "%25")}]` : host;
}

function unbracketed(host: string): string {
  return host.replace(/^\[|\]$/g, "").replace("%25", "%");
}

/** Percent-encoding that leaves only RFC 3986's unreserved characters; never throws. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd")).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
