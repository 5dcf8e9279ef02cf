/**
 * Redis's replies, RESP2 and RESP3: where each one ends, in pieces cut anywhere and
 * without memory for values; and a whole reply with the place of each part, for
 * those that are changed. Pure.
 *
 * Source: redis.io, "Redis serialization protocol specification"
 */
import { latin1 } from "./latin1.ts";

const LF = 0x0a;
/** Parts that are one line: simple string, error, integer, null, boolean, double, big number. */
const LINES = new Set([..."+-:_#,("].map((char) => char.charCodeAt(0)));
/** A length, and as many bytes: bulk string, verbatim string, bulk error. */
const BULKS = new Set([..."$=!"].map((char) => char.charCodeAt(0)));
/** A count, and so many parts for each: array, set, push; map; attribute, which stands before the part that it is about. */
const AGGREGATES: ReadonlyMap<number, { readonly parts: number; readonly own: number }> = new Map(
  (
    [
      ["*", { parts: 1, own: 1 }],
      ["~", { parts: 1, own: 1 }],
      [">", { parts: 1, own: 1 }],
      ["%", { parts: 2, own: 1 }],
      ["|", { parts: 2, own: 0 }],
    ] as const
  ).map(([type, counts]) => [type.charCodeAt(0), counts]),
);
/** A type, a sign, twelve digits and CR: nobody needs more of a line. */
const MAX_HEADER_BYTES = 16;
const MAX_DIGITS = 12;
/** Redis's own bound is 512 MB for a value; modules and a raised proto-max-bulk-len go beyond it. */
const MAX_BYTES = 2 ** 40;

const CR = 0x0d;
const MINUS = 0x2d;
const ZERO = 0x30;

/** The whole number that is written from `from` up to `to`; undefined: there is none, or a longer one. */
export function countIn(bytes: Uint8Array, from: number, to: number): number | undefined {
  const isNegative = bytes[from] === MINUS;
  const first = isNegative ? from + 1 : from;
  if (to <= first || to - first > MAX_DIGITS) return undefined;
  let count = 0;
  for (let at = first; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    count = 10 * count + digit;
  }
  return isNegative ? -count : count;
}

/** Most lines end within so many bytes: there a call of indexOf costs more than looking. */
const NEAR_BYTES = 24;

/** Where the next LF is; -1: nowhere. */
export function lineEnd(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + NEAR_BYTES);
  for (let at = from; at < near; at++) if (bytes[at] === LF) return at;
  return near === bytes.length ? -1 : bytes.indexOf(LF, near);
}

/** Follows replies. */
export class ReplyScanner {
  /** Parts of the reply that are still to come; 0: the next byte begins a reply. */
  #parts = 0;
  /** Bytes of a value, and its CRLF, that are still to come. */
  #skip = 0;
  /** The beginning of a line whose end has not come. */
  #header: number[] = [];

  /** Whether the next byte begins a reply: the one before is over. */
  get isBetween(): boolean {
    return this.#parts === 0;
  }

  /** How far `bytes` belong to one reply from `from` on: the index behind it, or the end of `bytes`; undefined: this is no reply of Redis. */
  next(bytes: Uint8Array, from: number): number | undefined {
    let at = from;
    if (this.#parts === 0) this.#parts = 1;
    while (at < bytes.length && this.#parts > 0) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        at += step;
        this.#skip -= step;
        if (this.#skip === 0) this.#parts -= 1;
        continue;
      }
      const end = lineEnd(bytes, at);
      const isWhole = end >= 0 && this.#header.length === 0;
      if (!isWhole)
        for (let index = at; index < (end < 0 ? bytes.length : end) && this.#header.length < MAX_HEADER_BYTES; index++)
          this.#header.push(bytes[index] as number);
      if (end < 0) return bytes.length;
      const isRedis = isWhole ? this.#line(bytes, at, end) : this.#line(Uint8Array.from(this.#header), 0, this.#header.length);
      if (!isRedis) return undefined;
      this.#header.length = 0;
      at = end + 1;
    }
    return at;
  }

  /** A line up to its LF; false: it is none of Redis's. */
  #line(bytes: Uint8Array, from: number, to: number): boolean {
    const type = bytes[from] as number;
    if (LINES.has(type)) {
      this.#parts -= 1;
      return true;
    }
    const count = bytes[to - 1] === CR ? countIn(bytes, from + 1, to - 1) : undefined;
    if (count === undefined || count < -1 || count > MAX_BYTES) return false;
    if (BULKS.has(type)) {
      if (count < 0) this.#parts -= 1;
      else this.#skip = count + 2;
      return true;
    }
    const aggregate = AGGREGATES.get(type);
    if (!aggregate) return false;
    this.#parts += aggregate.parts * Math.max(0, count) - aggregate.own;
    return true;
  }
}

/** A part of a whole reply, and where its bytes are. */
export interface Part {
  readonly type: string;
  readonly from: number;
  readonly to: number;
  /** The text of a string, number or line, byte for byte; undefined: null, or an aggregate. */
  readonly text: string | undefined;
  /** The parts of an aggregate; a map's keys and values in turn. */
  readonly items: readonly Part[];
}

/** Our choice: no reply that is changed is nested deeper. */
const MAX_DEPTH = 8;

/** Reads a whole reply; undefined: it has another form. */
export function readReply(bytes: Uint8Array): Part | undefined {
  return partAt(bytes, 0, 0);
}

function partAt(bytes: Uint8Array, from: number, depth: number): Part | undefined {
  const end = bytes.indexOf(LF, from);
  if (end < 0 || depth > MAX_DEPTH) return undefined;
  const type = String.fromCharCode(bytes[from] as number);
  const line = latin1(bytes.subarray(from + 1, end - 1));
  if (LINES.has(bytes[from] as number)) return { type, from, to: end + 1, text: line, items: [] };
  const count = Number(line);
  if (BULKS.has(bytes[from] as number)) {
    const to = end + 1 + Math.max(0, count + 2);
    return { type, from, to: count < 0 ? end + 1 : to, text: count < 0 ? undefined : latin1(bytes.subarray(end + 1, to - 2)), items: [] };
  }
  const aggregate = AGGREGATES.get(bytes[from] as number);
  if (!aggregate || aggregate.own === 0) return undefined;
  const items: Part[] = [];
  let at = end + 1;
  for (let index = 0; index < aggregate.parts * count; index++) {
    const item = partAt(bytes, at, depth + 1);
    if (!item) return undefined;
    items.push(item);
    at = item.to;
  }
  return { type, from, to: at, text: undefined, items };
}
