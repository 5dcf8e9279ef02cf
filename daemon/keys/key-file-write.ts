/**
 * Writes files that hold keys: readable by their owner only, whole, lasting, or
 * not at all, and never in the place of another file. A lost key can't be
 * restored. `key-file-access.ts` reads these files.
 */
import * as fs from "node:fs";
import { dirname, resolve } from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { syncFolder, writeNewFile } from "../../shared/files.ts";
import { message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";

/** The names of files that a killed process may leave in a folder of keys; the first group is the process id. */
export const KEY_LEFTOVER = /^\.(?:new|forgotten)-(\d+)-/;

/** Tells the temporary files of one instant apart. */
let written = 0;

/**
 * Writes a new file that only its owner can read, whole, lasting, or not at all; never overwrites.
 * @throws TunnelError CONFIG_INVALID, or STATE_NOT_SAVED when the disk can't take it; then there is no file
 */
export function writeNewKeyFile(path: string, bytes: Uint8Array): void {
  written += 1;
  const temporary = resolve(dirname(path), `.new-${process.pid}-${Date.now().toString(36)}-${written}.tmp`);
  try {
    writeNewFile(temporary, bytes);
    placeNew(temporary, { path, bytes });
    try {
      syncFolder(dirname(path));
    } catch (error) {
      fs.rmSync(path, { force: true });
      throw error;
    }
  } catch (cause) {
    throw unwritable(cause as NodeJS.ErrnoException, path);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

/** link() fails if there is something at `path`, even if it came this instant; rename() would replace it. */
function placeNew(temporary: string, { path, bytes }: { readonly path: string; readonly bytes: Uint8Array }): void {
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    // Some file systems (FAT, many network ones) have no links.
    const noLinks = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (!noLinks) throw error;
    writeNewFile(path, bytes);
  }
}

function unwritable(cause: NodeJS.ErrnoException, path: string): TunnelError {
  const shown = plainText(path);
  const options = { cause };
  switch (cause.code) {
    case "EEXIST":
      return new TunnelError(
        "CONFIG_INVALID",
        message("{0} exists already and is not overwritten: choose another name, or remove it yourself", shown),
        options,
      );
    case "ENOENT":
    case "ENOTDIR":
      return new TunnelError("CONFIG_INVALID", message("the folder of {0} does not exist: create it first", shown), options);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TunnelError("CONFIG_INVALID", message("this user may not write {0}: choose another folder", shown), options);
    case "ENOSPC":
    case "EDQUOT":
      return new TunnelError("STATE_NOT_SAVED", message("{0} was not written: the disk is full: free some space", shown), options);
    default:
      return new TunnelError("STATE_NOT_SAVED", message("{0} was not written: {1}", shown, cause.message), options);
  }
}
