/**
 * Reads a small file or standard input up to a limit: a device or a wrong file
 * must not fill the memory. Used for keys.
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";

/** The file name that means standard input. */
export const STDIN = "-";

/**
 * The bytes; the caller wipes them.
 * @throws TunnelError CONFIG_INVALID when the file can't be read or is too long
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
