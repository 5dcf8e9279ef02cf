/**
 * The forms an address may have in tunnels.json, judged by its text alone, and
 * whether two listen addresses are the same. A narrower language than
 * `proxy/address.ts` reads: whatever passes here, that one accepts. Resolving is
 * the daemon's. Pure.
 */
import { isIP } from "node:net";
import { quote } from "./plain-text.ts";

/** How an address is used. */
export interface EndpointUse {
  readonly role: "listen" | "target" | "bind";
  readonly platform: NodeJS.Platform;
}

/** A DNS name at most; RFC 1035, 2.3.4. */
const MAX_HOST_LENGTH = 253;
const MAX_PORT = 65_535;

/** Letters of any script, digits, dot, dash, underscore: nothing that a shell, URL or terminal would act on. */
const HOST_PATTERN = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]*$/u;

/** What is wrong with `text`, with its mend, as the rest of a sentence; undefined when nothing is. */
export function endpointFault(text: string, use: EndpointUse): string | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return `is a URL: write ${example(use)} alone`;
  if (/^[/~.\\]/.test(text)) return use.role === "bind" ? `is not an IP address or host name: write ${example(use)}` : socketFault(text, use);
  const { host, port } = split(text, use);
  return hostFault(host, use) ?? portFault(port, { text, use });
}

function split(text: string, use: EndpointUse): { host: string; port: string | undefined } {
  const bracketed = /^(\[[^\]]*\])(?::(.*))?$/s.exec(text);
  if (bracketed) return { host: bracketed[1] ?? "", port: bracketed[2] };
  const colon = text.lastIndexOf(":");
  if (colon < 0) return use.role !== "bind" && /^\d+$/.test(text) ? { host: "127.0.0.1", port: undefined } : { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

function hostFault(host: string, use: EndpointUse): string | undefined {
  if (host.startsWith("[")) {
    return host.endsWith("]") && isIP(host.slice(1, -1)) !== 0 ? undefined : `has no IP address between its brackets: write ${example(use)}`;
  }
  if (host === "" || host === "*") {
    return `has no host: write ${example(use)}${use.role === "listen" ? ', or "0.0.0.0:6579" if other machines are to connect' : ""}`;
  }
  if (host.includes(":")) return "has an IPv6 address without brackets: write [address]:port";
  if (host.length > MAX_HOST_LENGTH) return `has a host longer than ${MAX_HOST_LENGTH} characters: check it`;
  return HOST_PATTERN.test(host) ? undefined : `has a character that no host name has: write ${example(use)}`;
}

function portFault(port: string | undefined, { text, use }: { readonly text: string; readonly use: EndpointUse }): string | undefined {
  if (port === undefined) {
    if (use.role === "bind") return undefined;
    if (use.role === "listen" && /^\d{1,5}$/.test(text)) return `is in quotation marks: write ${text} without them, or "127.0.0.1:${text}"`;
    return `has no port: write ${example(use)}`;
  }
  const number = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(number <= MAX_PORT)) return `needs a port number from ${use.role === "target" ? 1 : 0} to ${MAX_PORT} after its last ":"`;
  return use.role === "target" && number === 0 ? "has port 0, where nothing can listen: write the real port" : undefined;
}

function socketFault(text: string, use: EndpointUse): string | undefined {
  if (!text.startsWith("/"))
    return use.platform === "win32" ? `is no address: write ${example(use)}` : "is not an absolute path: write /absolute/path of the socket";
  if (use.platform === "win32") return `is a unix socket, which is not supported on Windows: write ${example(use)}`;
  if (text.endsWith("/")) return "is a folder: add the socket's name";
  const most = use.platform === "linux" ? 107 : 103; // sun_path less its NUL, unix(7) and the BSDs' unix(4)
  return new TextEncoder().encode(text).length > most ? `is longer than the ${most} bytes a socket path may have: choose a shorter one` : undefined;
}

function example(use: EndpointUse): string {
  switch (use.role) {
    case "listen":
      return '"127.0.0.1:6579", or a port number';
    case "target":
      return '"cache.example.com:6479"';
    case "bind":
      return '"192.0.2.10"';
  }
}

/** A listen address taken apart as far as its text allows; undefined: not comparable. */
interface Listen {
  readonly host: string;
  readonly port: number;
}

/** Whether two listen addresses can't be open at once, as far as their texts tell. Port 0 is never taken. */
export function sameListen(a: string | number, b: string | number): boolean {
  const [one, other] = [listenOf(a), listenOf(b)];
  if (one === undefined || other === undefined) return String(a) === String(b) && String(a).startsWith("/");
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || isAny(one.host) || isAny(other.host);
}

function listenOf(listen: string | number): Listen | undefined {
  if (typeof listen === "number") return { host: "127.0.0.1", port: listen };
  const match = listen.startsWith("/") ? null : /^(.*):(\d{1,5})$/s.exec(listen);
  if (!match) return undefined;
  const host = (match[1] ?? "").replace(/^\[|\]$/g, "").toLowerCase();
  return { host: host === "localhost" ? "127.0.0.1" : host, port: Number(match[2]) };
}

function isAny(host: string): boolean {
  return ["", "*", "0", "0.0.0.0", "::"].includes(host);
}

/** An address quoted for a message. */
export function quoteListen(listen: string | number): string {
  return typeof listen === "number" ? `127.0.0.1:${listen}` : quote(listen);
}
