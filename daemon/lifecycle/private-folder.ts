/**
 * Folders that only their user may enter. The RPC socket has no other guard on
 * POSIX systems (Node can't ask for the peer's uid), so a folder that is not
 * what it should be is refused and never repaired silently: it may be somebody
 * else's trap. docs/SECURITY.md; design.md, Security model.
 */
import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { TunnelError } from "../../shared/errors.ts";

/** Bits of group and others. */
const OTHERS_ANY = 0o077;
const OTHERS_WRITE = 0o022;

/** What to create and to check. */
export interface PrivateFolderOptions {
  readonly path: string;
  /** Who must own it; undefined where there are no owners (Windows). */
  readonly uid: number | undefined;
  /** private: nobody else may enter; unwritable: others may look, not write. */
  readonly others: "private" | "unwritable";
}

/**
 * Makes the folder (0700, and its parents) unless it is there, and checks that it is a folder of `uid`, no symbolic link.
 * @throws TunnelError DAEMON_UNREACHABLE with cause and cure
 */
export function ensurePrivateFolder(options: PrivateFolderOptions): void {
  const { path } = options;
  let stats: Stats;
  try {
    makeFolder(path);
    stats = lstatSync(path);
  } catch (error) {
    throw explainFileError(error, { doing: "create", path });
  }
  const problem = folderProblem(stats, options);
  if (problem !== undefined) throw new TunnelError("DAEMON_UNREACHABLE", `the folder ${path} ${problem}`);
}

/**
 * With those above it that are missing; what is there is left alone, as it may be in a folder that can't be written.
 * Node's own `recursive` never ends where a folder can't be made in one that is there, as below /proc.
 */
function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = path; lstatSync(folder, { throwIfNoEntry: false }) === undefined; folder = dirname(folder)) {
    missing.unshift(folder);
    // A drive that is not there.
    if (dirname(folder) === folder) break;
  }
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process makes it just now, too.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** What is wrong with a folder, and the cure; undefined when nothing is. */
function folderProblem(stats: Pick<Stats, "isDirectory" | "isSymbolicLink" | "uid" | "mode">, options: PrivateFolderOptions): string | undefined {
  const { path, uid, others } = options;
  if (stats.isSymbolicLink()) return "is a symbolic link, which could lead anywhere: remove it";
  if (!stats.isDirectory()) return "is not a folder: remove or rename what is there";
  if (uid === undefined) return undefined;
  if (stats.uid !== uid) return `belongs to another user (uid ${stats.uid}): remove it, or name a folder of your own with --state-dir`;
  const forbidden = others === "private" ? OTHERS_ANY : OTHERS_WRITE;
  if ((stats.mode & forbidden) === 0) return undefined;
  return others === "private" ? `is open to other users: chmod 700 ${path}` : `can be written by other users: chmod go-w ${path}`;
}

/** Whether the folder is there and nobody but `uid` can have put anything into it. Always true where there are no owners (Windows). */
export function isPrivateFolder(path: string, uid: number | undefined): boolean {
  if (uid === undefined) return true;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && folderProblem(stats, { path, uid, others: "private" }) === undefined;
}

/** What was tried when a file error came. */
export interface FileAction {
  /** A verb that fits "can't … PATH". */
  readonly doing: string;
  readonly path: string;
}

/** A file error as a TunnelError DAEMON_UNREACHABLE whose one sentence has cause and cure; a TunnelError is passed on. */
export function explainFileError(cause: unknown, { doing, path }: FileAction): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  return new TunnelError("DAEMON_UNREACHABLE", `can't ${doing} ${path}: ${causeAndCure(code, doing) ?? (cause as Error).message}`, { cause });
}

function causeAndCure(code: string | undefined, doing: string): string | undefined {
  switch (code) {
    case "EROFS":
      return "the file system is read-only: name a folder that can be written with --state-dir";
    case "EACCES":
    case "EPERM":
      return "this user may not write there: change the folder's owner or mode, or name another one with --state-dir";
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full: free some space";
    case "ENAMETOOLONG":
      return "the path is too long: name a shorter folder with --state-dir";
    case "ENOENT":
      if (doing !== "create") return "its folder is gone: try again";
      return "a folder above it can't be made, or is a link that leads nowhere: make it, or name another one with --state-dir";
    case "ENOTDIR":
    case "EEXIST":
      return "a file stands where a folder should be: remove or rename it";
    default:
      return undefined;
  }
}
