/**
 * The forms an address may have in tunnels.json, judged by its text alone, and
 * whether two listen addresses are the same. These rules are narrower than those
 * of `shared/address.ts`, which accepts whatever passes here. The daemon resolves
 * addresses. Pure.
 */
import { isIP } from "node:net";
import { maxSocketPathBytes } from "../address.ts";
import { type Message, type MessageArgument, message } from "../message.ts";
import { plainText, quote } from "../plain-text.ts";
import { hostLetters } from "./unusual-host.ts";

/** How an address is used. */
export interface AddressUse {
  readonly role: "listen" | "target" | "bind";
  readonly platform: NodeJS.Platform;
}

/** The longest DNS name; RFC 1035, 2.3.4. */
const MAX_HOST_LENGTH = 253;
const MAX_PORT = 65_535;

/** Letters of any script, digits, dot, dash, underscore: nothing that a shell, URL or terminal would act on. */
const HOST_PATTERN = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]*$/u;

/** What is wrong with `text`, with the cure; undefined when nothing is wrong. */
export function addressFault(text: string, use: AddressUse): Message | undefined {
  if (/^['"`\u2018-\u201f]/.test(text) || /^[^/~.\\].*['"`\u2018-\u201f]$/s.test(text)) {
    return message('"{0}" {1} has quotation marks in it: remove the quotes', use.role, plainText(text, { maxLength: 80 }));
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text)) return message('"{0}" {1} is a URL: write {2} alone', use.role, quote(text), example(use));
  if (/^[/~.\\]/.test(text)) {
    if (use.role !== "bind") return socketFault(text, use);
    return message('"{0}" {1} is not an IP address or host name: write {2}', use.role, quote(text), example(use));
  }
  const { host, port } = split(text, use);
  return hostFault(host, { text, use }) ?? portFault(port, { text, use });
}

/** The whole text that a part of an address is from, and its use. */
interface Whole {
  readonly text: string;
  readonly use: AddressUse;
}

function split(text: string, use: AddressUse): { host: string; port: string | undefined } {
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
  if (!HOST_PATTERN.test(host)) return message('"{0}" {1} has a character that no host name has: write {2}', role, shown, example(use));
  const letters = hostLetters(host);
  if (letters.at !== "disguised") return undefined;
  return message('"{0}" {1} has letters or digits that only look like plain ones: write {2}', role, shown, letters.ascii ?? example(use));
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

function socketFault(text: string, use: AddressUse): Message | undefined {
  const [role, shown] = [use.role, quote(text)];
  if (!text.startsWith("/")) {
    return use.platform === "win32"
      ? message('"{0}" {1} is no address: write {2}', role, shown, example(use))
      : message('"{0}" {1} is not an absolute path: write /absolute/path of the socket', role, shown);
  }
  if (use.platform === "win32") return message('"{0}" {1} is a unix socket, which is not supported on Windows: write {2}', role, shown, example(use));
  if (text.endsWith("/")) return message('"{0}" {1} is a folder: add the socket\'s name', role, shown);
  const most = maxSocketPathBytes(use.platform);
  if (new TextEncoder().encode(text).length <= most) return undefined;
  return message('"{0}" {1} is longer than the {2} bytes a socket path may have: choose a shorter one', role, shown, most);
}

function example(use: AddressUse): MessageArgument {
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

/** Entries by where they listen, each address taken apart once. */
export class ListenTable<E extends { readonly listen: string | number }> {
  readonly #sockets = new Map<string, [string, E][]>();
  readonly #ports = new Map<number, { readonly name: string; readonly entry: E; readonly host: string }[]>();

  add(name: string, entry: E): void {
    const { listen } = entry;
    const address = listenOf(listen);
    if (address) add(this.#ports, address.port, { name, entry, host: address.host });
    else if (String(listen).startsWith("/")) add(this.#sockets, String(listen), [name, entry]);
  }

  /** Entries that can't be open at the same time as one at `listen`, as far as their texts tell, in the order they were added. */
  at(listen: string | number): readonly (readonly [string, E])[] {
    const address = listenOf(listen);
    if (!address) return this.#sockets.get(String(listen)) ?? [];
    if (address.port === 0) return [];
    const there = this.#ports.get(address.port) ?? [];
    const taken = there.filter(({ host }) => host === address.host || isAny(host) || isAny(address.host));
    return taken.map(({ name, entry }) => [name, entry] as const);
  }
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
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
