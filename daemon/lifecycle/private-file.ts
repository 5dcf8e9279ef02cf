/**
 * Small files that only their user may read, written whole or not at all:
 * a temporary file in the same folder, then rename(2).
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Our choice: no file of ours is near this long. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Writes `content` to `path` with mode 0600. A file error of node:fs is passed on; the old content then stands. */
export function writePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  // A killed process with our recycled id may have left one.
  rmSync(temporary, { force: true, recursive: true });
  const file = openSync(temporary, "wx", 0o600);
  try {
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** What was found at a path. untrusted: it is there, but others could have written or read it. */
export type PrivateFile =
  | { readonly kind: "missing" }
  | { readonly kind: "untrusted"; readonly reason: string }
  | { readonly kind: "found"; readonly text: string };

/** Reads a file of ours; `uid` undefined checks no owner and mode (Windows). Never follows a symbolic link. */
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
