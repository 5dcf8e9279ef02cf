/** Byte strings for tests: hex, numbers, cutting, joining and comparing. Deterministic: nothing here is random. */
import assert from "node:assert/strict";

export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new RangeError(`not hex: ${text}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** `length` bytes that differ from their neighbours; another `seed` gives other bytes. */
export function pattern(length: number, seed = 1): Uint8Array {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state & 0xff;
  });
}

export function be64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The big-endian number in `bytes`. */
export function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}

/** `value` as `length` big-endian bytes. */
export function bytesOf(value: bigint, length: number): Uint8Array {
  return fromHex(value.toString(16).padStart(length * 2, "0"));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Pieces of `size` bytes, the last one perhaps shorter. */
export function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size));
}

/** Pieces that end at each of `points` (any order, repeats and points beyond the end are harmless). */
export function cutAt(bytes: Uint8Array, points: readonly number[]): Uint8Array[] {
  const ends = [...new Set(points.filter((point) => point > 0 && point < bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
}

/** A copy with bit number `bit` (0 is the lowest bit of the first byte) inverted. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = bit >>> 3;
  if (index >= copy.length) throw new RangeError(`bit ${bit} of ${copy.length} bytes`);
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** Asserts equality; fails with the place of the first difference instead of kilobytes of hex. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "bytes"): void {
  const at = expected.findIndex((byte, index) => actual[index] !== byte);
  if (at >= 0) assert.fail(`${what} differ from offset ${at}: ${toHex(actual.slice(at, at + 16))} instead of ${toHex(expected.slice(at, at + 16))}`);
  assert.equal(actual.length, expected.length, `${what}: the length`);
}
