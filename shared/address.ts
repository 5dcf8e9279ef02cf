/**
 * Addresses as people write them, in spiped's forms:
 * `/absolute/socket`, `host:port`, `[ip.v4]:port`, `[ip::v6]:port`.
 * Parsing and printing only; resolving is `target.ts`.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { TunnelError } from "./errors.ts";

/** A place to listen at or to connect to; `host` is a name or an IP address without brackets. */
export type Address = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

const MAX_PORT = 65_535;

/**
 * The longest path of a unix socket in bytes: sun_path less its NUL, unix(7) (108 on Linux, 104 on macOS and the BSDs).
 * The kernel's limit, so a longer path is refused here instead of being cut by somebody.
 */
export const MAX_SOCKET_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/**
 * Reads an address.
 * @throws TunnelError CONFIG_INVALID that says what is wrong with `text` and how to write it.
 */
export function parseAddress(text: string): Address {
  if (text.startsWith("/")) return parseSocketPath(text);
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw invalid(text, "has no port");
  const port = parsePort(text, text.slice(colon + 1));
  const host = text.slice(0, colon);
  if (host.startsWith("[")) {
    if (!host.endsWith("]")) throw invalid(text, 'has a "[" without its "]"');
    const ip = host.slice(1, -1);
    if (isIP(ip) === 0) throw invalid(text, `has no IP address between the brackets`);
    return { kind: "tcp", host: ip, port };
  }
  if (host === "") throw invalid(text, "has no host");
  if (host.includes(":")) throw invalid(text, "looks like IPv6 without brackets");
  if (!/^[^\s/[\]\p{Cc}]+$/u.test(host)) throw invalid(text, "has a host with a space, a bracket, a slash or a control character in it");
  return { kind: "tcp", host, port };
}

/** Reads a bind address: an address whose port may be left out, which means any port (0). */
export function parseBindAddress(text: string): Address {
  const hasPort = text.startsWith("/") || (text.startsWith("[") ? /\]:[^:]*$/.test(text) : text.includes(":"));
  return hasPort ? parseAddress(text) : parseAddress(`${text}:0`);
}

function parseSocketPath(path: string): Address {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw invalid(path, `is longer than the ${MAX_SOCKET_PATH_BYTES} bytes a socket path may have`);
  }
  if (path.includes("\0")) throw invalid(path, "has a NUL in it");
  return { kind: "unix", path };
}

function parsePort(text: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(port <= MAX_PORT)) throw invalid(text, `needs a port number from 0 to ${MAX_PORT} after its last ":"`);
  return port;
}

function invalid(text: string, what: string): TunnelError {
  return new TunnelError("CONFIG_INVALID", `the address "${text}" ${what}: write host:port, [ip]:port or /absolute/socket`);
}

/** An address the way {@link parseAddress} reads it; IPv6 in brackets. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return address.path;
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether an IP address stays on this machine: 127.0.0.0/8, ::1, and the first written as IPv6. */
export function isLoopbackIp(ip: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  const plain = mapped ?? ip;
  if (isIPv4(plain)) return plain.startsWith("127.");
  return isIPv6(plain) && !plain.includes("%") && new URL(`http://[${plain}]/`).hostname === "[::1]";
}
