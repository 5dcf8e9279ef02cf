/**
 * IP addresses and blocks of them as numbers, never as text: 127.1, 0x7f000001,
 * 2130706433 and ::ffff:127.0.0.1 all mean this machine to most systems. Pure.
 */
import { isIPv4, isIPv6 } from "node:net";

/** An IP address: 4 or 16 bytes. IPv4 inside IPv6 (::ffff:0:0/96) is always 4. */
export type IpBytes = readonly number[];

/** A block of addresses. */
export interface IpRange {
  readonly bytes: IpBytes;
  /** Leading bits that count. */
  readonly prefix: number;
}

/** The bytes of an IP address in its usual text form, IPv4 inside IPv6 unwrapped; undefined: no IP address. */
export function ipBytes(text: string): IpBytes | undefined {
  if (isIPv4(text)) return text.split(".").map(Number);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  // The URL parser writes every form as up to eight groups of hexadecimal digits with at most one "::".
  const [head = "", tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): string[] => (part ? part.split(":") : []);
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after];
  return unmapped(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

/** The same address; ::ffff:a.b.c.d as the four bytes that it means. */
export function unmapped(bytes: IpBytes): IpBytes {
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

/** An address as text, as systems take it. */
export function ipText(bytes: IpBytes): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** Whether `bytes` lie in `range`. */
export function isIn(bytes: IpBytes, { bytes: base, prefix }: IpRange): boolean {
  if (bytes.length !== base.length) return false;
  return bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * index));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((base[index] ?? 0) & mask);
  });
}

/** Whether all of `inner` lies in `outer`. */
export function isWithin(inner: IpRange, outer: IpRange): boolean {
  return inner.prefix >= outer.prefix && isIn(inner.bytes, outer);
}
