/**
 * The forms an address may have in tunnels.json, judged by its text alone, and
 * whether two listen addresses are the same. A narrower language than
 * `proxy/address.ts` reads: whatever passes here, that one accepts. Resolving is
 * the daemon's. Pure.
 */
import { isIP } from "node:net";
import { type Message, type MessageArgument, message } from "../message.ts";
import { quote } from "../plain-text.ts";

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

/** What is wrong with `text`, with its mend; undefined when nothing is. */
export function endpointFault(text: string, use: EndpointUse): Message | undefined {
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return message('"{0}" {1} is a URL: write {2} alone', use.role, quote(text), example(use));
  if (/^[/~.\\]/.test(text)) {
    if (use.role !== "bind") return socketFault(text, use);
    return message('"{0}" {1} is not an IP address or host name: write {2}', use.role, quote(text), example(use));
  }
  const { host, port } = split(text, use);
  return hostFault(host, { text, use }) ?? portFault(port, { text, use });
}

/** The whole text an address's part is from, and its use. */
interface Whole {
  readonly text: string;
  readonly use: EndpointUse;
}

function split(text: string, use: EndpointUse): { host: string; port: string | undefined } {
  const bracketed = /^(\[[^\]]*\])(?::(.*))?$/s.exec(text);
  if (bracketed) return { host: bracketed[1] ?? "", port: bracketed[2] };
  const colon = text.lastIndexOf(":");
  if (colon < 0) return use.role !== "bind" && /^\d+$/.test(text) ? { host: "127.0.0.1", port: undefined } : { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

function hostFault(host: string, { text, use }: Whole): Message | undefined {
  const [role, shown] = [use.role, quote(text)];
  if (host.startsWith("[")) {
    if (host.endsWith("]") && isIP(host.slice(1, -1)) !== 0) return undefined;
    return message('"{0}" {1} has no IP address between its brackets: write {2}', role, shown, example(use));
  }
  if (host === "" || host === "*") {
    return role === "listen"
      ? message('"{0}" {1} has no host: write {2}, or "0.0.0.0:6579" if other machines are to connect', role, shown, example(use))
      : message('"{0}" {1} has no host: write {2}', role, shown, example(use));
  }
  if (host.includes(":")) return message('"{0}" {1} has an IPv6 address without brackets: write [address]:port', role, shown);
  if (host.length > MAX_HOST_LENGTH) return message('"{0}" {1} has a host longer than {2} characters: check it', role, shown, MAX_HOST_LENGTH);
  return HOST_PATTERN.test(host) ? undefined : message('"{0}" {1} has a character that no host name has: write {2}', role, shown, example(use));
}

function portFault(port: string | undefined, { text, use }: Whole): Message | undefined {
  const [role, shown] = [use.role, quote(text)];
  if (port === undefined) {
    if (role === "bind") return undefined;
    if (role === "listen" && /^\d{1,5}$/.test(text)) {
      return message('"{0}" {1} is in quotation marks: write {2} without them, or "127.0.0.1:{2}"', role, shown, text);
    }
    return message('"{0}" {1} has no port: write {2}', role, shown, example(use));
  }
  const number = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN;
  if (!(number <= MAX_PORT)) {
    return message('"{0}" {1} needs a port number from {2} to {3} after its last ":"', role, shown, role === "target" ? 1 : 0, MAX_PORT);
  }
  return role === "target" && number === 0 ? message('"{0}" {1} has port 0, where nothing can listen: write the real port', role, shown) : undefined;
}

function socketFault(text: string, use: EndpointUse): Message | undefined {
  const [role, shown] = [use.role, quote(text)];
  if (!text.startsWith("/")) {
    return use.platform === "win32"
      ? message('"{0}" {1} is no address: write {2}', role, shown, example(use))
      : message('"{0}" {1} is not an absolute path: write /absolute/path of the socket', role, shown);
  }
  if (use.platform === "win32") return message('"{0}" {1} is a unix socket, which is not supported on Windows: write {2}', role, shown, example(use));
  if (text.endsWith("/")) return message('"{0}" {1} is a folder: add the socket\'s name', role, shown);
  const most = use.platform === "linux" ? 107 : 103; // sun_path less its NUL, unix(7) and the BSDs' unix(4)
  if (new TextEncoder().encode(text).length <= most) return undefined;
  return message('"{0}" {1} is longer than the {2} bytes a socket path may have: choose a shorter one', role, shown, most);
}

function example(use: EndpointUse): MessageArgument {
  switch (use.role) {
    case "listen":
      return message("{0}, or a port number", '"127.0.0.1:6579"');
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
