/**
 * Reads a small file or standard input whole, bounded: a device or a wrong file
 * must not fill the memory. For keys that are handed over.
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";

/** The name that stands for standard input. */
export const STDIN = "-";

/**
 * The bytes, which the caller wipes.
 * @throws TunnelError CONFIG_INVALID when it can't be read or is longer
 */
export function readInput(path: string, maxBytes: number): Buffer {
  const shown = path === STDIN ? "standard input" : plainText(path);
  const buffer = Buffer.alloc(maxBytes + 1);
  try {
    const length = readAll(path, buffer);
    if (length > maxBytes) throw new TunnelError("CONFIG_INVALID", `${shown} is longer than ${maxBytes} bytes: is it the right one?`);
    return Buffer.from(buffer.subarray(0, length));
  } catch (cause) {
    if (cause instanceof TunnelError) throw cause;
    throw new TunnelError("CONFIG_INVALID", `${shown} can't be read: ${(cause as Error).message}`, { cause });
  } finally {
    buffer.fill(0);
  }
}

function readAll(path: string, buffer: Buffer): number {
  const file = path === STDIN ? 0 : fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    if (path !== STDIN && !fs.fstatSync(file).isFile()) throw new Error("it is not a regular file");
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = fs.readSync(file, buffer, length, buffer.length - length, null);
    return length;
  } finally {
    if (path !== STDIN) fs.closeSync(file);
  }
}
