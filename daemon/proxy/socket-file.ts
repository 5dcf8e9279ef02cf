/**
 * Removes the file of a unix socket that a listener has made, and never another
 * file that is at its path by then (another program's socket, a user's file).
 * libuv deletes any file of that name when it closes the handle that bound it, so
 * the handle is not closed if the file is somebody else's.
 *
 * What remains: in the few microseconds between the last check and the close
 * another file may take the name, and would be deleted.
 */
import type * as net from "node:net";
import { type FileIdentity, identifyFile, isSameFile, unlinkIfThere } from "../../shared/files.ts";

/** A listener's socket file; "muted" if the file was somebody else's when the listener should have been closed. */
type Made = { readonly path: string; readonly identity: FileIdentity } | "muted";

const files = new WeakMap<net.Server, Made>();

/** From now on the file at `path` is that of `server`, which listens there: {@link closeListener} removes it. */
export function ownSocketFile(server: net.Server, path: string): void {
  const identity = identify(path);
  if (identity) files.set(server, { path, identity });
}

/** A mark that tells the file of `server` from any other, for a process that takes the listener over; undefined: it has no file. */
export function socketFileMark(server: net.Server): string | undefined {
  const file = files.get(server);
  if (file === undefined || file === "muted") return undefined;
  return `${file.identity.device}:${file.identity.inode}`;
}

/** As {@link ownSocketFile}, for a listener that was taken over with a mark of its file: another file at `path` stays. */
export function adoptSocketFile(server: net.Server, path: string, mark: string): void {
  const [device, inode] = mark.split(":").map(BigInt);
  if (device !== undefined && inode !== undefined) files.set(server, { path, identity: { device, inode, bornNs: 0n } });
}

/** Stops listening, and removes the socket file if it is still the one that was made. Does nothing if `server` does not listen. */
export function closeListener(server: net.Server): void {
  const file = files.get(server);
  if (!server.listening || file === "muted") return;
  if (file === undefined) {
    server.close();
    return;
  }
  const present = identify(file.path);
  if (present && !isSameFile(present, file.identity)) {
    files.set(server, "muted");
    mute(server);
    return;
  }
  files.delete(server);
  // libuv does not know the name of a listener that was handed over, so its file is removed here.
  if (present) unlinkIfThere(file.path);
  server.close();
}

/** Removes a dead socket at `path` if it is the same file before and after `isDead`. @throws NodeJS.ErrnoException */
export async function removeSocketIf(path: string, isDead: () => Promise<boolean>): Promise<void> {
  const before = identify(path);
  if (!before?.isSocket) return;
  if (!(await isDead())) return;
  const after = identify(path);
  if (after && isSameFile(before, after)) unlinkIfThere(path);
}

/** Lets nobody in any more, and lets the process end; the descriptor stays open until then. */
function mute(server: net.Server): void {
  server.removeAllListeners("connection");
  server.on("connection", (socket) => socket.destroy());
  server.unref();
}

function identify(path: string): ReturnType<typeof identifyFile> {
  try {
    return identifyFile(path);
  } catch {
    return undefined; // The folder is gone, or closed to us.
  }
}
