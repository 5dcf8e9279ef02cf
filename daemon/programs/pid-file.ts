/**
 * spiped's pid file. It is put in place whole: a reader finds the old file or none while it is written, and never an empty
 * one. A device or a pipe (`-p /dev/null`) is written to and not replaced.
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";

/** Replacing a file needs a folder that this user may write to; writing into the existing file does not. */
const NOT_IN_THIS_FOLDER: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "EROFS"]);

/**
 * Writes the number of this process, and nothing else, to `path`.
 * @throws TunnelError CONFIG_INVALID; no file is added then
 */
export function writePidFile(path: string): void {
  const text = String(process.pid);
  try {
    if (isReplaceable(path) && replaced(path, text)) return;
    fs.writeFileSync(path, text);
  } catch (cause) {
    throw new TunnelError("CONFIG_INVALID", `can't write the pid file ${path}: ${(cause as Error).message}; choose another with -p`, { cause });
  }
}

/** A link is followed, as in spiped. */
function isReplaceable(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
}

/** False: this user may not add a file to the folder. */
function replaced(path: string, text: string): boolean {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    fs.rmSync(temporary, { force: true });
    // Never follows a link that somebody has put there.
    fs.writeFileSync(temporary, text, { flag: "wx" });
    fs.renameSync(temporary, path);
    return true;
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    if (NOT_IN_THIS_FOLDER.has((error as NodeJS.ErrnoException).code)) return false;
    throw error;
  }
}

/** Removes the pid file, if it is still this process's: a successor may have written its own since. */
export function removePidFile(path: string): void {
  try {
    if (fs.readFileSync(path, "utf8") === String(process.pid)) fs.rmSync(path, { force: true });
  } catch {
    // Gone, or no longer ours to touch.
  }
}
