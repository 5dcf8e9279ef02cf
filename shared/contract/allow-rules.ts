/**
 * "allow" of a server's entry: what else than its target a client of ours may ask
 * for. A line is a range of IP addresses, one address or one host name, and the
 * ports: "10.0.0.0/24:6379-6384", "[2001:db8::/64]:6379", "cache-1.internal:6379".
 * Pure.
 */
import type { AllowRule } from "../far-target.ts";
import { type IpBytes, type IpRange, ipBytes, ipText } from "../ip-range.ts";
import { type Message, message } from "../message.ts";
import { quote } from "../plain-text.ts";
import { hostLetters } from "./unusual-host.ts";

/** The design's bound: a shorter prefix is a mistake, or gives away a whole network. */
const LEAST_PREFIX = { 4: 16, 6: 48 } as const;
const MAX_PORT = 65_535;
const HOST_PATTERN = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]*$/u;
const MAX_HOST_LENGTH = 253;

/** Reads a line: the rule, or what is wrong with it. */
export function readAllow(text: string): { readonly rule: AllowRule } | { readonly fault: Message } {
  const shown = quote(text);
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!parts) {
    return { fault: message('"allow" {0} is not read: write {1}, {2} or {3}; ports are needed', shown, ...EXAMPLES) };
  }
  const [, bracketed, plain = "", first = "", last = first] = parts;
  const [from, to] = [Number(first), Number(last)];
  if (from < 1 || to > MAX_PORT || to < from)
    return { fault: message('"allow" {0} has ports that are none: write one from 1 to {1}, or two with "-"', shown, MAX_PORT) };
  const [host = "", prefixText, ...more] = (bracketed ?? plain).split("/");
  const bytes = ipBytes(host);
  if (bytes === undefined) {
    if (bracketed !== undefined || prefixText !== undefined || !isHost(host)) {
      return { fault: message('"allow" {0} has neither an IP address nor a host name: write {1}, {2} or {3}', shown, ...EXAMPLES) };
    }
    return { rule: { kind: "host", host, from, to } };
  }
  // What only looks like a host name, 127.1 or 0x7f000001, is an IPv4 address to most systems.
  const family = bytes.length === 4 ? 4 : 6;
  if ((family === 6) !== (bracketed !== undefined)) return { fault: message('"allow" {0}: write IPv6 addresses in brackets, and only these', shown) };
  const most = 8 * bytes.length;
  const prefix = prefixText === undefined ? most : Number(prefixText);
  if (more.length > 0 || (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) || prefix > most) {
    return { fault: message('"allow" {0} has no length of a prefix behind its "/": write one up to {1}', shown, most) };
  }
  if (prefix < LEAST_PREFIX[family]) {
    return { fault: message('"allow" {0} is a block that is too large: write /{1} or more, or several lines', shown, LEAST_PREFIX[family]) };
  }
  const range = { bytes, prefix };
  const base = baseOf(range);
  if (!bytes.every((byte, index) => byte === base[index])) {
    return { fault: message('"allow" {0} has bits behind its prefix: write {1}/{2}', shown, ipText(base), prefix) };
  }
  return { rule: { kind: "range", range, from, to } };
}

const EXAMPLES = ['"10.0.0.0/24:6379-6384"', '"[2001:db8::/64]:6379"', '"cache-1.internal:6379"'] as const;

function baseOf({ bytes, prefix }: IpRange): IpBytes {
  return bytes.map((byte, index) => byte & (0xff << (8 - Math.min(8, Math.max(0, prefix - 8 * index)))) & 0xff);
}

function isHost(host: string): boolean {
  if (host.length > MAX_HOST_LENGTH || !HOST_PATTERN.test(host) || hostLetters(host).at === "disguised") return false;
  return !/^(?:0x[\da-f]+|\d+)(?:\.(?:0x[\da-f]+|\d+))*\.?$/i.test(host);
}
