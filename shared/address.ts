/**
 * Addresses as people write them, in spiped's forms:
 * `/absolute/socket`, `host:port`, `[ip.v4]:port`, `[ip::v6]:port`.
 * Parsing and printing only; resolving is `target.ts`.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { TunnelError } from "./errors.ts";
import { type Message, message } from "./message.ts";

/** A place to listen at or to connect to; `host` is a name or an IP address without brackets. */
export type Address = { readonly kind: "unix"; readonly path: string } | { readonly kind: "tcp"; readonly host: string; readonly port: number };

const MAX_PORT = 65_535;

/**
 * The longest path of a unix socket in bytes: sun_path less its NUL, unix(7) (108 on Linux, 104 on macOS and the BSDs).
 * The limit is the kernel's, so we refuse a longer path before somebody cuts it.
 */
export function maxSocketPathBytes(platform: NodeJS.Platform): number {
  return platform === "linux" ? 107 : 103;
}

/** {@link maxSocketPathBytes} of this machine. */
export const MAX_SOCKET_PATH_BYTES = maxSocketPathBytes(process.platform);

/**
 * Reads an address.
 * @throws TunnelError CONFIG_INVALID that says what is wrong with `text` and how to write it.
 */
export function parseAddress(text: string): Address {
  if (isQuoted(text)) throw new TunnelError("CONFIG_INVALID", message("the address {0} has quotation marks in it: remove the quotes", text));
  if (text.startsWith("/")) return parseSocketPath(text);
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw invalid(text, message("has no port"));
  const port = parsePort(text, text.slice(colon + 1));
  const host = text.slice(0, colon);
  if (host.startsWith("[")) {
    if (!host.endsWith("]")) throw invalid(text, message('has a "[" without its "]"'));
    const ip = host.slice(1, -1);
    if (isIP(ip) === 0) throw invalid(text, message("has no IP address between the brackets"));
    return { kind: "tcp", host: ip, port };
  }
  if (host === "") throw invalid(text, message("has no host"));
  if (host.includes(":")) throw invalid(text, message("looks like IPv6 without brackets"));
  if (!/^[^\s/[\]\p{Cc}]+$/u.test(host)) throw invalid(text, message("has a host with a space, a bracket, a slash or a control character in it"));
  return { kind: "tcp", host, port };
}

/** Quotes in quotes, as in -s "'[127.0.0.1]:1'": only a socket's path may end in a quote. */
function isQuoted(text: string): boolean {
  return /^['"`\u2018-\u201f]/.test(text) || /^[^/].*['"`\u2018-\u201f]$/s.test(text);
}

/** Reads a bind address: an address whose port may be left out, which means any port (0). */
export function parseBindAddress(text: string): Address {
  if (isQuoted(text)) return parseAddress(text);
  const hasPort = text.startsWith("/") || (text.startsWith("[") ? /\]:[^:]*$/.test(text) : text.includes(":"));
  return hasPort ? parseAddress(text) : parseAddress(`${text}:0`);
}

function parseSocketPath(path: string): Address {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw invalid(path, message("is longer than the {0} bytes a socket path may have", MAX_SOCKET_PATH_BYTES));
  }
  if (path.includes("\0")) throw invalid(path, message("has a NUL in it"));
  return { kind: "unix", path };
}

function parsePort(text: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(port <= MAX_PORT)) throw invalid(text, message('needs a port number from 0 to {0} after its last ":"', MAX_PORT));
  return port;
}

function invalid(text: string, what: Message): TunnelError {
  return new TunnelError("CONFIG_INVALID", message('the address "{0}" {1}: write host:port, [ip]:port or /absolute/socket', text, what));
}

/** An address the way {@link parseAddress} reads it; IPv6 in brackets. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return address.path;
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether an IP address stays on this machine: 127.0.0.0/8, ::1, and 127.0.0.0/8 written as IPv6. */
export function isLoopbackIp(ip: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  const plain = mapped ?? ip;
  if (isIPv4(plain)) return plain.startsWith("127.");
  return isIPv6(plain) && !plain.includes("%") && new URL(`http://[${plain}]/`).hostname === "[::1]";
}
