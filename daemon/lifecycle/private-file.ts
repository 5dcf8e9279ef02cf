/**
 * Small files that only their user may read, written whole or not at all:
 * a temporary file in the same folder, then rename(2).
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { writeNewFile } from "../../shared/files.ts";

/** Our choice: none of our files is nearly this long. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Writes `content` to `path` with mode 0600. A file error of node:fs is thrown; the old content stays then. */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  // A killed process that had the same id may have left this file.
  rmSync(temporary, { force: true, recursive: true });
  writeNewFile(temporary, content);
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** What was found at a path. untrusted: the file is there, but others could have written or read it. */
export type PrivateFile =
  | { readonly kind: "missing" }
  | { readonly kind: "untrusted"; readonly reason: string }
  | { readonly kind: "found"; readonly text: string };

/** Reads one of our files; with `uid` undefined (Windows) owner and mode are not checked. Never follows a symbolic link. */
export function readPrivateFile(path: string, uid: number | undefined): PrivateFile {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
    return { kind: "untrusted", reason: code === "ELOOP" ? "it is a symbolic link" : (error as Error).message };
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) return { kind: "untrusted", reason: "it is not a regular file" };
    if (uid !== undefined && stats.uid !== uid) return { kind: "untrusted", reason: `it belongs to another user (uid ${stats.uid})` };
    if (uid !== undefined && (stats.mode & 0o077) !== 0) return { kind: "untrusted", reason: "other users may open it" };
    if (stats.size > MAX_FILE_BYTES) return { kind: "untrusted", reason: "it is too long" };
    return { kind: "found", text: readFileSync(file, "utf8") };
  } finally {
    closeSync(file);
  }
}
