/**
 * Reads a key file into K, and says what is wrong with it. Whether a weak or
 * readable file is refused or only warned about is the caller's choice. The
 * bytes of the file are wiped after use (best effort).
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { type SharedKey, sharedKey } from "../protocol/keys.ts";
import { ownGroups } from "./own-groups.ts";

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
        message(
          'the key {0} has {1} bytes; a strong one has {2} random bytes: make one with "tunneld keygen FILE"',
          name(path),
          bytes.length,
          KEY_FILE_MIN_BYTES,
        ),
      ),
    );
  }
  const fault = modeFault(path);
  if (fault !== undefined) warnings.push(new TunnelError("KEY_PERMISSIONS", fault));
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
        throw new TunnelError(
          "KEY_NOT_FOUND",
          message('there is no key file {0}: make one with "tunneld keygen {0}", or copy it from the other end', path),
          options,
        );
      case "EACCES":
      case "EPERM":
        throw new TunnelError("KEY_PERMISSIONS", message("this user may not read the key file {0}: change its owner or mode", path), options);
      case "EISDIR":
        throw new TunnelError("KEY_NOT_FOUND", message("{0} is a folder, not a key file: name the file in it", path), options);
      default:
        throw new TunnelError("KEY_NOT_FOUND", message("the key {0} can't be read: {1}", name(path), (cause as Error).message), options);
    }
  }
}

/** Regular files only: the mode of a pipe or device says nothing about who knows the key. Windows has no such bits. */
function modeFault(path: string): Message | undefined {
  if (path === STDIN_KEY || process.platform === "win32") return undefined;
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return undefined;
  const isOwn = stat.uid === process.geteuid?.();
  // A secret that an orchestrator mounts for a group of ours is meant for us, and root trusts root's group.
  const isForUs = !isOwn && stat.uid === 0 && (stat.gid === 0 || ownGroups().includes(stat.gid));
  if ((stat.mode & 0o077 & ~(isForUs ? 0o050 : 0)) === 0) return undefined;
  return isOwn
    ? message("the key file {0} can be read by other users: chmod 600 {0}", path)
    : message("the key file {0} can be read by other users, and belongs to another: mount it with mode 0440, or copy it to a file of your own", path);
}

function name(path: string): string {
  return path === STDIN_KEY ? "from standard input" : path;
}
