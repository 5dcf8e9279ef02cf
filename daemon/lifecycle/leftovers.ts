/**
 * Temporary files of processes that were killed while they wrote: nobody renames
 * these files any more, and each kill would add one. Each name contains the id of
 * the process that made the file.
 */
import { readdirSync, rmSync } from "node:fs";
import * as path from "node:path";

/**
 * Removes the files of `folder` that `pattern` matches and whose process (the pattern's first group) is gone. A file with
 * our own id was made by an earlier process, so call this before anything is written. Never throws.
 */
export function removeLeftovers(folder: string, pattern: RegExp): void {
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // There is no folder, or it is not ours: then none of our files are in it.
  }
  for (const name of names) {
    const pid = Number(pattern.exec(name)?.[1]);
    if (!Number.isSafeInteger(pid) || pid <= 0 || (pid !== process.pid && mayRun(pid))) continue;
    try {
      rmSync(path.join(folder, name), { force: true });
    } catch {
      // The entry is a folder, or the disk is read-only: it stays.
    }
  }
}

/** EPERM: the process exists, but belongs to another user. */
function mayRun(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
