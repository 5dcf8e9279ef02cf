/**
 * Connection URLs for the local end of a tunnel. Text from a file is percent-encoded,
 * so that it can't become another part of the URL; a URL never has a password. Pure.
 */
import { isIP, isIPv6 } from "node:net";
import { TunnelError } from "../errors.ts";
import { message } from "../message.ts";
import { quote } from "../plain-text.ts";
import type { Service } from "./tunnels-file.ts";

/** Where a tunnel listens, in the form of `shared/address.ts`; for TCP with the real port. */
export type LocalEnd = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/**
 * Reads the `TunnelStatus.listen` of an open tunnel: `127.0.0.1:6579`, `[::1]:6579` or `/absolute/socket`.
 * @throws TunnelError CONFIG_INVALID when it is none of these, as it may be before the tunnel listens
 */
export function localEndOf(listen: string): LocalEnd {
  if (listen.startsWith("/")) return { kind: "unix", path: listen };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen);
  const [, bracketed, plain, digits] = match ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) === 0)) {
    throw new TunnelError("CONFIG_INVALID", message("{0} is no place to connect to: open the tunnel first", quote(listen)));
  }
  return { kind: "tcp", host, port };
}

/** What a connection URL is made of. */
export interface UrlParts {
  readonly service: Service;
  readonly listen: LocalEnd;
  /** The service speaks TLS; default: it does not. */
  readonly tls?: boolean | undefined;
  readonly user?: string | undefined;
  readonly database?: string | number | undefined;
}

/**
 * The URL a client connects with.
 *
 *     redis://user@127.0.0.1:6579/2          unix://user@/run/cache.sock?db=2   (redis-py, go-redis)
 *     mysql://user@127.0.0.1:3307/orders     mysql://user@localhost/orders?socket=%2Frun%2Fdb.sock   (Prisma, sqlx, Rails)
 *     postgresql://user@127.0.0.1:5433/shop  postgresql://user@/shop?host=%2Frun%2Fdb&port=5432          (libpq)
 *     mongodb://user@127.0.0.1:27018/shop?directConnection=true    mongodb://user@%2Frun%2Fdb.sock/shop?directConnection=true
 *     tcp://127.0.0.1:9000                   unix:///run/any.sock
 *
 * With `tls`: `rediss://…` (the validator refuses a socket path, for which no URL can say TLS) and, as in MySQL's own
 * URLs, `mysql://…?ssl-mode=REQUIRED` (dev.mysql.com, "Connecting to the Server Using URI-Like Strings"), and libpq's
 * `postgresql://…?sslmode=require` (PostgreSQL documentation, "Connection URIs"). MongoDB's drivers would go on to the
 * members of a replica set, by names that lead nowhere here, without `directConnection` (MongoDB documentation,
 * "Connection String Options").
 */
export function connectionUrl({ service, listen, tls = false, user, database }: UrlParts): string {
  const login = user === undefined ? "" : `${encode(user)}@`;
  const name = database === undefined ? "" : encode(String(database));
  if (listen.kind === "tcp") {
    const authority = `${reachableHost(listen.host)}:${listen.port}`;
    if (service === "tcp") return `tcp://${authority}`;
    const path = name && `/${name}`;
    switch (service) {
      case "redis":
      case "redis-cluster":
        return `${tls ? "rediss" : "redis"}://${login}${authority}${path}`;
      case "mysql":
        return `mysql://${login}${authority}${tls ? `${path || "/"}?${MYSQL_TLS}` : path}`;
      case "postgres":
        return `postgresql://${login}${authority}${tls ? `${path || "/"}?${POSTGRES_TLS}` : path}`;
      case "mongodb":
        return `mongodb://${login}${authority}/${name}?${MONGO_DIRECT}${tls ? MONGO_TLS : ""}`;
    }
  }
  const path = listen.path.split("/").map(encode).join("/");
  switch (service) {
    case "redis":
    case "redis-cluster":
      return `unix://${login}${path}${name && `?db=${name}`}`;
    case "mysql":
      return `mysql://${login}localhost/${name}?socket=${encode(listen.path)}${tls ? `&${MYSQL_TLS}` : ""}`;
    case "postgres": {
      const [, folder = listen.path, port = "5432"] = POSTGRES_SOCKET.exec(listen.path) ?? [];
      return `postgresql://${login}/${name}?host=${encode(folder)}&port=${port}${tls ? `&${POSTGRES_TLS}` : ""}`;
    }
    case "mongodb":
      return `mongodb://${login}${encode(listen.path)}/${name}?${MONGO_DIRECT}${tls ? MONGO_TLS : ""}`;
    case "tcp":
      return `unix://${path}`;
  }
}

/** The path of a socket as PostgreSQL's clients find it: a folder, and a port in the name. */
export const POSTGRES_SOCKET = /^(.*)\/\.s\.PGSQL\.(\d{1,5})$/;

/** Encrypts and does not verify the certificate: its name is not that of the local end. */
const MYSQL_TLS = "ssl-mode=REQUIRED";
const POSTGRES_TLS = "sslmode=require";
const MONGO_DIRECT = "directConnection=true";
const MONGO_TLS = "&tls=true&tlsAllowInvalidHostnames=true";

/** A host to connect to on this machine; IPv6 in brackets. A listener at all addresses is reached at the loopback one. */
export function reachableHost(host: string): string {
  // 127.0.0.1 even for "::", which takes IPv4 too: "localhost" means a socket to MySQL, and ::1 to Node.
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return isIPv6(host) ? `[${host.replace("%", "%25")}]` : host;
}

export function unbracketed(host: string): string {
  return host.replace(/^\[|\]$/g, "").replace("%25", "%");
}

/** Percent-encoding that leaves only RFC 3986's unreserved characters; never throws. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, "\ufffd")).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
