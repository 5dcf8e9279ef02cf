/** What several layers do with files: tell one from another, remove a name, make a change outlive a loss of power. */
import * as fs from "node:fs";

/** Tells one file from another, also from a later one that was given the same inode number. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  /** When it was made; 0 where that is not known. */
  readonly bornNs: bigint;
}

/** The identity of what is at `path`, links not followed; undefined if nothing is there. @throws what node:fs does otherwise */
export function identifyFile(path: string): (FileIdentity & { readonly isSocket: boolean }) | undefined {
  const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  // Without statx(2) Node gives the time of the last change as the birth time, and every link() moves that time.
  const bornNs = stats.birthtimeNs === stats.ctimeNs ? 0n : stats.birthtimeNs;
  return { device: stats.dev, inode: stats.ino, bornNs, isSocket: stats.isSocket() };
}

/** Whether both are there and the same file. */
export function isSameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  if (a === undefined || b === undefined || a.device !== b.device || a.inode !== b.inode) return false;
  return a.bornNs === b.bornNs || a.bornNs === 0n || b.bornNs === 0n;
}

/** Removes a name, which may be gone already. @throws what node:fs does otherwise */
export function unlinkIfThere(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Whether the disk itself failed. If syncing a folder fails otherwise, the system can't sync folders: then nobody can, and the file is whole all the same. */
export function isDiskFault(error: unknown): boolean {
  return ["EIO", "ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Writes a new file, for its owner alone. The file is on the disk when this returns; a failure leaves no file. @throws what node:fs does */
export function writeNewFile(path: string, content: string | Uint8Array): void {
  const file = fs.openSync(path, "wx", 0o600);
  try {
    fs.writeFileSync(file, content);
    fs.fsyncSync(file);
  } catch (error) {
    fs.rmSync(path, { force: true });
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

/**
 * Makes what was added to or removed from a folder outlive a loss of power, where the system can do that for a folder.
 * @throws what node:fs does when the disk fails
 */
export function syncFolder(folder: string): void {
  try {
    const handle = fs.openSync(folder, "r");
    try {
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
  } catch (error) {
    if (isDiskFault(error)) throw error;
  }
}
