/**
 * Windows: an exclusive lock allows only one daemon, and its pipe has a random
 * name. There is no link() for pipes, but Windows lets only one process open a
 * file without sharing, and frees the file when that process dies, however it
 * dies. The pipe's name can't be guessed, so nobody can create that pipe first.
 */
import { closeSync, openSync } from "node:fs";
import { TunnelError } from "../../../shared/errors.ts";
import { message } from "../../../shared/message.ts";

/** libuv's UV_FS_O_EXLOCK on Windows (uv/win.h): CreateFile with share mode 0. With O_RDWR | O_CREAT. */
const EXCLUSIVE_FLAGS = 0x1000_0000 | 0x0002 | 0x0100;

/** A lock that is held until it is released or the process ends. */
export interface ExclusiveLock {
  release(): void;
}

/** The file operations; an argument so that the logic can be tested elsewhere. */
export interface LockFiles {
  open(path: string, flags: number, mode: number): number;
  close(file: number): void;
}

const machineFiles: LockFiles = { open: openSync, close: closeSync };

/**
 * Takes the lock; undefined when another process holds it: that process is the daemon.
 * @throws TunnelError DAEMON_UNREACHABLE when the file can't be opened for another reason
 */
export function takeLock(path: string, files: LockFiles = machineFiles): ExclusiveLock | undefined {
  let file: number;
  try {
    file = files.open(path, EXCLUSIVE_FLAGS, 0o600);
  } catch (cause) {
    // Node reports ERROR_SHARING_VIOLATION as EBUSY.
    if ((cause as NodeJS.ErrnoException).code === "EBUSY") return undefined;
    throw new TunnelError("DAEMON_UNREACHABLE", message("can't open the lock {0}: {1}", path, (cause as Error).message), { cause });
  }
  return { release: () => files.close(file) };
}

/** A pipe name that can't be guessed; `random` gives strong random bytes. */
export function randomPipeName(random: (bytes: number) => Uint8Array): string {
  return `\\\\.\\pipe\\tunneld-${Buffer.from(random(16)).toString("hex")}`;
}
