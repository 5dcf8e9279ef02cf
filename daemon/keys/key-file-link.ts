/**
 * Key files that are symbolic links, as orchestrators mount secrets: `key` leads to
 * `..data/key`, and `..data` to a folder that is exchanged at each rotation. Such a
 * chain is followed while it stays inside the folder of the path that was named,
 * and while only root and this user can change anything on the way: then whoever
 * named the path could as well have named the file. Any other link is refused.
 */
import * as fs from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { isInside } from "../../shared/path-inside.ts";

/** Our choice: more links in a chain are a mistake. The kernel stops at 40. */
const MAX_LINKS = 16;
const ROOT_UID = 0;
/** S_ISVTX: in such a folder only root can replace or rename another user's files; inode(7). */
const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;

/**
 * The file that a link at `path`, an absolute path whose folders have no links in them, leads to. System errors are thrown as they come.
 * @throws TunnelError KEY_PERMISSIONS when the chain leaves its folder, or somebody else could change it
 */
export function followInside(path: string, { shown, owner }: { readonly shown: string; readonly owner: number }): string {
  const home = dirname(path);
  let at = home;
  let links = 0;
  let rest = [relative(home, path)];
  checkFolder(at, { shown, owner });
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = resolve(at, part);
    if (!isInside(next, home)) throw leadsOut(shown);
    const stat = fs.lstatSync(next);
    if (!isTrusted(stat.uid, owner)) throw changeable(shown, message("{0} belongs to another user", next));
    if (stat.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS)
        throw new TunnelError("KEY_PERMISSIONS", message("the key file {0} is a chain of more than {1} links: name the file itself", shown, MAX_LINKS));
      const target = fs.readlinkSync(next);
      if (isAbsolute(target) && !isInside(target, home)) throw leadsOut(shown);
      rest = [...partsOf(isAbsolute(target) ? relative(at, target) : target), ...rest];
    } else {
      if (stat.isDirectory()) checkFolder(next, { shown, owner });
      at = next;
    }
  }
  return at;
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Only root and the user may make, rename or replace files in `folder`. Files that others add to a sticky folder belong to them, so they are refused. */
function checkFolder(folder: string, { shown, owner }: { readonly shown: string; readonly owner: number }): void {
  const { uid, mode } = fs.lstatSync(folder);
  if (!isTrusted(uid, owner)) throw changeable(shown, message("the folder {0} belongs to another user", folder));
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) throw changeable(shown, message("other users can write to the folder {0}", folder));
}

function isTrusted(uid: number, owner: number): boolean {
  return uid === ROOT_UID || uid === owner;
}

function leadsOut(shown: string): TunnelError {
  return new TunnelError("KEY_PERMISSIONS", message("the key file {0} is a symbolic link that leads out of its folder: name the file it leads to", shown));
}

function changeable(shown: string, why: Message): TunnelError {
  return new TunnelError(
    "KEY_PERMISSIONS",
    message("the key file {0} is a symbolic link that others could change, as {1}: name the file it leads to", shown, why),
  );
}

/** The folders where a change can make `path` name another file: its own folder, the folder of every link on the way, and the file's own folder. */
export function foldersBehind(path: string): string[] {
  const folders = new Set([dirname(path)]);
  if (process.platform === "win32") return [...folders];
  let at = "/";
  let rest = partsOf(path);
  let links = 0;
  try {
    for (let part = rest.shift(); part !== undefined && links <= MAX_LINKS; part = rest.shift()) {
      const next = join(at, part);
      if (fs.lstatSync(next).isSymbolicLink()) {
        links += 1;
        folders.add(at);
        const target = fs.readlinkSync(next);
        if (isAbsolute(target)) at = "/";
        rest = [...partsOf(target), ...rest];
      } else {
        at = next;
      }
    }
    folders.add(dirname(at));
  } catch {
    // A part of the path is not there (yet): the folders found so far will show when it appears.
  }
  return [...folders];
}
