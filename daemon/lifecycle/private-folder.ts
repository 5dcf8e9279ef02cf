/**
 * Folders that only their user may enter. The RPC socket has no other guard on
 * POSIX systems (Node can't ask for the peer's uid), so a folder with a wrong
 * owner or mode is refused and never repaired silently: it may be a trap set by
 * another user. docs/SECURITY.md.
 */
import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, type MessageArgument, message } from "../../shared/message.ts";

/** Bits of group and others. */
const OTHERS_ANY = 0o077;
const OTHERS_WRITE = 0o022;

/** What to create and to check. */
export interface PrivateFolderOptions {
  readonly path: string;
  /** Who must own it; undefined where there are no owners (Windows). */
  readonly uid: number | undefined;
  /** private: nobody else may enter; unwritable: others may read, but not write. */
  readonly others: "private" | "unwritable";
}

/**
 * Makes the folder (0700, and its parents) unless it exists, and checks that it is a folder that `uid` owns, not a symbolic link.
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
  if (problem !== undefined) throw new TunnelError("DAEMON_UNREACHABLE", problem);
}

/**
 * Makes the missing parents too. Existing folders are left alone, as they may be in a folder that can't be written.
 * Node's own `recursive` never returns when a folder can't be made in an existing one, as below /proc.
 */
function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = path; lstatSync(folder, { throwIfNoEntry: false }) === undefined; folder = dirname(folder)) {
    missing.unshift(folder);
    // The drive does not exist.
    if (dirname(folder) === folder) break;
  }
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process has just made it.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** What is wrong with a folder, and the cure; undefined when nothing is wrong. */
function folderProblem(stats: Pick<Stats, "isDirectory" | "isSymbolicLink" | "uid" | "mode">, options: PrivateFolderOptions): Message | undefined {
  const { path, uid, others } = options;
  if (stats.isSymbolicLink()) return message("the folder {0} is a symbolic link, which could lead anywhere: remove it", path);
  if (!stats.isDirectory()) return message("the folder {0} is not a folder: remove or rename what is there", path);
  if (uid === undefined) return undefined;
  if (stats.uid !== uid)
    return message("the folder {0} belongs to another user (uid {1}): remove it, or name a folder of your own with --state-dir", path, stats.uid);
  const forbidden = others === "private" ? OTHERS_ANY : OTHERS_WRITE;
  if ((stats.mode & forbidden) === 0) return undefined;
  return others === "private"
    ? message("the folder {0} is open to other users: chmod 700 {0}", path)
    : message("the folder {0} can be written by other users: chmod go-w {0}", path);
}

/** Whether the folder exists and nobody but `uid` can have put anything into it. Always true where there are no owners (Windows). */
export function isPrivateFolder(path: string, uid: number | undefined): boolean {
  if (uid === undefined) return true;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats !== undefined && folderProblem(stats, { path, uid, others: "private" }) === undefined;
}

/** What was being done when a file error occurred. */
export interface FileAction {
  readonly doing: "create" | "write" | "read" | "listen at" | "copy the program to";
  readonly path: string;
}

/** A file error as a TunnelError DAEMON_UNREACHABLE that gives cause and cure in one sentence; a TunnelError is returned as it is. */
export function explainFileError(cause: unknown, { doing, path }: FileAction): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  const why = causeAndCure(code, doing) ?? (cause as Error).message;
  return new TunnelError("DAEMON_UNREACHABLE", cantDo({ doing, path }, why), { cause });
}

function cantDo({ doing, path }: FileAction, why: MessageArgument): Message {
  switch (doing) {
    case "create":
      return message("can't create {0}: {1}", path, why);
    case "write":
      return message("can't write {0}: {1}", path, why);
    case "read":
      return message("can't read {0}: {1}", path, why);
    case "listen at":
      return message("can't listen at {0}: {1}", path, why);
    case "copy the program to":
      return message("can't copy the program to {0}: {1}", path, why);
  }
}

function causeAndCure(code: string | undefined, doing: FileAction["doing"]): Message | undefined {
  switch (code) {
    case "EROFS":
      return message("the file system is read-only: name a folder that can be written with --state-dir");
    case "EACCES":
    case "EPERM":
      return message("this user may not write there: change the folder's owner or mode, or name another one with --state-dir");
    case "ENOSPC":
    case "EDQUOT":
      return message("the disk is full: free some space");
    case "ENAMETOOLONG":
      return message("the path is too long: name a shorter folder with --state-dir");
    case "ENOENT":
      if (doing !== "create") return message("its folder is gone: try again");
      return message("a folder above it can't be made, or is a link that leads nowhere: make it, or name another one with --state-dir");
    case "ENOTDIR":
    case "EEXIST":
      return message("a file stands where a folder should be: remove or rename it");
    default:
      return undefined;
  }
}
