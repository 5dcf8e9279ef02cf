/**
 * What the far end of a client's entry has to be: the facts from which
 * `server-command.ts` writes its texts. Pure.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Service, TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { suggestKeyName } from "../asking/key-input.ts";

/** What is known of the entry. */
export interface ServerEndOptions {
  /** The tunnel's name. */
  readonly name: string;
  /** A client's entry. */
  readonly entry: TunnelEntry;
  /** The service's address as the server sees it; default: {@link defaultBackend}. */
  readonly backend?: string | undefined;
  /** The key's fingerprint, to compare. */
  readonly fingerprint?: string | undefined;
  /** Absolute path of the tunneld.cjs that comes with the extension. */
  readonly program: string;
}

/** The far end. */
export interface ServerEnd {
  readonly name: string;
  readonly service: Service;
  /** The service speaks TLS by itself. */
  readonly tls: boolean;
  /** Where the far end listens. */
  readonly listen: { readonly kind: "tcp"; readonly host: string; readonly port: number } | { readonly kind: "unix"; readonly path: string };
  readonly backend: string;
  /** The key's name, usable as a file name. */
  readonly keyName: string;
  /** The key's file on this machine, as the entry names it; undefined: the key is in the key folder. */
  readonly keyFile: string | undefined;
  readonly fingerprint: string | undefined;
  readonly forwardSecrecy: TunnelEntry["forwardSecrecy"];
  readonly maxConnections: number;
  /** The server's host name for ssh and scp. */
  readonly host: string;
  readonly program: string;
}

/** Where a service listens by default, seen from its own machine; undefined: not known. */
export function defaultBackend(service: Service): string | undefined {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return "127.0.0.1:6379";
    case "mysql":
      return "127.0.0.1:3306";
    case "postgres":
      return "127.0.0.1:5432";
    case "mongodb":
      return "127.0.0.1:27017";
    case "tcp":
      return undefined;
  }
}

/** The facts; `backend` must be given for a service without a default. */
export function serverEnd({ name, entry, backend, fingerprint, program }: ServerEndOptions): ServerEnd {
  const [reference = name] = Array.isArray(entry.key) ? entry.key : [entry.key];
  const keyFile = typeof reference === "string" ? undefined : reference.file;
  const keyName = typeof reference === "string" ? reference : suggestKeyName(reference.file.split(/[\\/]/).at(-1) ?? "") || name;
  const { listen, host } = placeOf(entry.target);
  return {
    name,
    service: entry.service,
    tls: entry.tls ?? false,
    listen,
    backend: backend ?? defaultBackend(entry.service) ?? "127.0.0.1:1",
    keyName,
    keyFile,
    fingerprint,
    forwardSecrecy: entry.forwardSecrecy,
    maxConnections: entry.maxConnections,
    host,
    program,
  };
}

/** Whether the encrypted port is the service's own port on the same machine: both can't listen at it. */
export function portsCollide({ listen, backend }: ServerEnd): boolean {
  if (listen.kind === "unix") return backend === listen.path;
  const match = /^(.*):(\d+)$/.exec(backend);
  const host = (match?.[1] ?? "").replace(/^\[|\]$/g, "");
  return Number(match?.[2]) === listen.port && (host === "localhost" || host === "::1" || host.startsWith("127."));
}

/** host:port as spiped expects it: an IP address is in brackets. */
export function spipedAddress(host: string, port: number): string {
  return isIPv4(host) || isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A client's target, seen from the far end. */
function placeOf(target: string): Pick<ServerEnd, "listen" | "host"> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(target);
  if (!match) return { listen: { kind: "unix", path: target }, host: "localhost" };
  const host = match[1] ?? match[2] ?? "";
  return { listen: { kind: "tcp", host: isIPv6(host) ? "::" : "0.0.0.0", port: Number(match[3]) }, host: match[1] && isIPv6(host) ? `[${host}]` : host };
}
