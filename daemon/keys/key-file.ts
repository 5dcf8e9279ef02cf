/**
 * Reads a key file into K, and says what is wrong with it. Whether a weak or
 * readable file is refused or only warned about is the caller's choice. The
 * bytes of the file are wiped after use (best effort).
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { type SharedKey, sharedKey } from "../protocol/keys.ts";

/** The name that stands for standard input, as in spiped. */
export const STDIN_KEY = "-";

/** Fewer bytes than K has can't hold 256 bits of entropy. */
export const KEY_FILE_MIN_BYTES = 32;

/** A key and what deserves a warning about its file: codes KEY_WEAK and KEY_PERMISSIONS. */
export interface LoadedKey {
  readonly key: SharedKey;
  readonly warnings: readonly TunnelError[];
}

/**
 * Reads the key at `path`, or from standard input for `-`.
 * @throws TunnelError KEY_NOT_FOUND or KEY_PERMISSIONS
 */
export function readKeyFile(suite: CipherSuite, path: string): LoadedKey {
  const bytes = readAll(path);
  const warnings: TunnelError[] = [];
  if (bytes.length < KEY_FILE_MIN_BYTES) {
    warnings.push(
      new TunnelError(
        "KEY_WEAK",
        `the key ${name(path)} has ${bytes.length} bytes; a strong one has ${KEY_FILE_MIN_BYTES} random bytes: make one with "tunneld keygen FILE"`,
      ),
    );
  }
  if (readableByOthers(path)) {
    warnings.push(new TunnelError("KEY_PERMISSIONS", `the key file ${path} can be read by other users: chmod 600 ${path}`));
  }
  const key = sharedKey(suite, bytes);
  bytes.fill(0);
  return { key, warnings };
}

function readAll(path: string): Buffer {
  try {
    return path === STDIN_KEY ? fs.readFileSync(0) : fs.readFileSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const options = { cause };
    switch (code) {
      case "ENOENT":
      case "ENOTDIR":
        throw new TunnelError("KEY_NOT_FOUND", `there is no key file ${path}: make one with "tunneld keygen ${path}", or copy it from the other end`, options);
      case "EACCES":
      case "EPERM":
        throw new TunnelError("KEY_PERMISSIONS", `this user may not read the key file ${path}: change its owner or mode`, options);
      case "EISDIR":
        throw new TunnelError("KEY_NOT_FOUND", `${path} is a folder, not a key file: name the file in it`, options);
      default:
        throw new TunnelError("KEY_NOT_FOUND", `the key ${name(path)} can't be read: ${(cause as Error).message}`, options);
    }
  }
}

/** Regular files only: the mode of a pipe or device says nothing about who knows the key. Windows has no such bits. */
function readableByOthers(path: string): boolean {
  if (path === STDIN_KEY || process.platform === "win32") return false;
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o077) !== 0;
}

function name(path: string): string {
  return path === STDIN_KEY ? "from standard input" : path;
}
