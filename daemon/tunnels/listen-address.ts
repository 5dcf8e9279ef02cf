/**
 * Where a tunnel really listens: the address of an entry resolved to an IP
 * address, and whether that can be reached from other machines. The address judged
 * here is the one bound later, so a name or an odd spelling can't hide it: "" is
 * ::, "0" is 0.0.0.0, 017700000001 is 127.0.0.1.
 */
import { isIPv4, isIPv6 } from "node:net";
import { normalize } from "node:path/posix";
import { type Address, isLoopbackIp, parseAddress, parseBindAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Lookup, ResolvedAddress } from "../proxy/target.ts";

/** A listen address, resolved and judged. */
export interface ListenAddress {
  readonly address: ResolvedAddress;
  /** Whether other machines can connect to it. */
  readonly beyondLoopback: boolean;
}

/**
 * Resolves the `listen` of an entry: a port on 127.0.0.1, host:port or a socket path. Port 0 stays 0.
 * @throws TunnelError CONFIG_INVALID or DNS_FAILED
 */
export async function resolveListen(listen: string | number, lookup: Lookup): Promise<ListenAddress> {
  const parsed: Address = typeof listen === "number" ? { kind: "tcp", host: "127.0.0.1", port: listen } : parseListen(listen);
  if (parsed.kind === "unix") return { address: { kind: "unix", path: normalize(parsed.path) }, beyondLoopback: false };
  const host = await resolveHost(parsed.host, lookup);
  return { address: { kind: "tcp", host, port: parsed.port }, beyondLoopback: !isLoopback(host) };
}

/** ":port" has an empty host, which a listener takes for every address. */
function parseListen(text: string): Address {
  if (!text.startsWith(":")) return parseAddress(text);
  const { port } = parseAddress(`[::]${text}`) as Extract<Address, { kind: "tcp" }>;
  return { kind: "tcp", host: "", port };
}

/**
 * Resolves the `bind` of an entry, an outgoing address.
 * @throws TunnelError CONFIG_INVALID or DNS_FAILED
 */
export async function resolveBind(bind: string, lookup: Lookup): Promise<ResolvedAddress> {
  const parsed = parseBindAddress(bind);
  if (parsed.kind === "unix") throw new TunnelError("CONFIG_INVALID", message('the outgoing address "{0}" is a path: write an IP address', bind));
  return { kind: "tcp", host: await resolveHost(parsed.host, lookup), port: parsed.port };
}

/** The one address to use. Of several addresses it is always the same one, loopback first, so that an approval stays valid. */
async function resolveHost(host: string, lookup: Lookup): Promise<string> {
  const literal = canonicalIp(host);
  if (literal !== undefined) return literal;
  let found: string[];
  try {
    found = (await lookup(host)).flatMap((ip) => canonicalIp(ip) ?? []);
  } catch (cause) {
    throw new TunnelError("DNS_FAILED", message('the name "{0}" can\'t be resolved: check its spelling, or write the IP address', host), { cause });
  }
  const [first] = found.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  if (first === undefined) throw new TunnelError("DNS_FAILED", message('the name "{0}" has no address: check its spelling, or write the IP address', host));
  return first;
}

function rank(ip: string): number {
  if (!isLoopback(ip)) return 2;
  return isIPv4(ip) ? 0 : 1;
}

/** Where this machine reaches a listener: one that listens at all addresses is reached at loopback. */
export function reachable(listen: ResolvedAddress): ResolvedAddress {
  if (listen.kind === "unix") return listen;
  const anywhere = new Map([
    ["0.0.0.0", "127.0.0.1"],
    ["::", "::1"],
  ]);
  return { ...listen, host: anywhere.get(listen.host) ?? listen.host };
}

function isLoopback(ip: string): boolean {
  return isLoopbackIp(ip.replace(/%.*$/, ""));
}

/**
 * The usual spelling of an IP address, however it is written; undefined for a name. Reads what getaddrinfo(3) and
 * inet_aton(3) read: one to four numbers, decimal, octal (0…) or hexadecimal (0x…), the last filling what is left. An
 * IPv4 address written as IPv6 becomes IPv4, which is the same place; an empty host is "::", as in net.Server.
 */
export function canonicalIp(host: string): string | undefined {
  if (host === "") return "::";
  if (isIPv4(host)) return host;
  return isIPv6(host) ? canonicalIpv6(host) : inetAton(host);
}

function canonicalIpv6(ip: string): string {
  const [plain = "", zone] = ip.split("%");
  const short = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped) return dotted(Number.parseInt(mapped[1] ?? "", 16) * 0x1_0000 + Number.parseInt(mapped[2] ?? "", 16));
  return zone === undefined ? short : `${short}%${zone}`;
}

function inetAton(text: string): string | undefined {
  const parts = text.split(".");
  const numbers = parts.map(aNumber);
  const last = numbers.pop() ?? Number.NaN;
  const leading = numbers.reduce((sum, part) => sum * 256 + (part <= 255 ? part : Number.NaN), 0);
  const rest = 256 ** (4 - numbers.length);
  const value = leading * rest + (last < rest ? last : Number.NaN);
  return parts.length <= 4 && Number.isInteger(value) ? dotted(value) : undefined;
}

function aNumber(text: string): number {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return Number(text);
  if (/^0[0-7]{0,21}$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN;
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
