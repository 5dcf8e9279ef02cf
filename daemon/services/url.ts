/**
 * Connection URLs for the local end of a tunnel, and the environment made from
 * them. What comes from a file is percent-encoded, so that it can't become
 * another part of the URL; a password is never in one. Pure.
 */
import { isIPv6 } from "node:net";
import type { ENV_PLACEHOLDERS } from "../contract/env-rules.ts";
import type { Service } from "../contract/tunnels-file.ts";

/** Where a tunnel listens, as `proxy/address.ts` has it; for TCP with the real port. */
export type LocalEnd = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

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
