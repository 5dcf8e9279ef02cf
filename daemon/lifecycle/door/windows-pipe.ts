/**
 * Windows: one daemon by an exclusive lock, and a pipe with a random name. There
 * is no link() for pipes, but Windows gives a file that is open without sharing
 * to one process only and frees it when that process dies, however it dies. The
 * pipe's name is not to be guessed, so nobody can stand there first.
 */
import { closeSync, openSync } from "node:fs";
import { TunnelError } from "../../../shared/errors.ts";

/** libuv's UV_FS_O_EXLOCK on Windows (uv/win.h): CreateFile with share mode 0. O_RDWR | O_CREAT beside it. */
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
 * Takes the lock; undefined when another process holds it: that one is the daemon.
 * @throws TunnelError DAEMON_UNREACHABLE when the file can't be opened for another reason
 */
export function takeLock(path: string, files: LockFiles = machineFiles): ExclusiveLock | undefined {
  let file: number;
  try {
    file = files.open(path, EXCLUSIVE_FLAGS, 0o600);
  } catch (cause) {
    // ERROR_SHARING_VIOLATION comes as EBUSY.
    if ((cause as NodeJS.ErrnoException).code === "EBUSY") return undefined;
    throw new TunnelError("DAEMON_UNREACHABLE", `can't open the lock ${path}: ${(cause as Error).message}`, { cause });
  }
  return { release: () => files.close(file) };
}

/** A pipe name that can't be guessed; `random` gives strong random bytes. */
export function randomPipeName(random: (bytes: number) => Uint8Array): string {
  return `\\\\.\\pipe\\tunneld-${Buffer.from(random(16)).toString("hex")}`;
}
