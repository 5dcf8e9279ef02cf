/**
 * A unix socket's file: which one it is, whether anybody answers there, and
 * closing a server without losing the name others know it by. Only ENOENT and
 * ECONNREFUSED prove that nobody is there: a busy or forbidden daemon lives.
 */
import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import { TunnelError } from "../../../shared/errors.ts";

/** Tells one file from another, also from a later one that was given the same inode number. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  /** When it was made; 0 where the system doesn't tell. */
  readonly bornNs: bigint;
}

/**
 * The identity of the socket at `path`; undefined when nothing is there.
 * @throws TunnelError DAEMON_UNREACHABLE if something else than a socket is there: it is not ours to remove
 */
export function identifySocket(path: string): FileIdentity | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isSocket()) throw new TunnelError("DAEMON_UNREACHABLE", `${path} is not a socket: remove or rename what is there`);
  // Without statx(2) Node gives the time of the last change for it, which every link() moves.
  return { device: stats.dev, inode: stats.ino, bornNs: stats.birthtimeNs === stats.ctimeNs ? 0n : stats.birthtimeNs };
}

/** Whether both are there and the same file. */
export function isSameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  if (a === undefined || b === undefined || a.device !== b.device || a.inode !== b.inode) return false;
  return a.bornNs === b.bornNs || a.bornNs === 0n || b.bornNs === 0n;
}

/** alive: somebody listens, or nothing proves the contrary; dead: a socket nobody listens at; missing: no file. */
export type SocketState = "alive" | "dead" | "missing";

/** Connects once, says nothing and hangs up. */
export function probeSocket(path: string): Promise<SocketState> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    const settle = (state: SocketState): void => {
      probe.destroy();
      resolve(state);
    };
    probe.once("connect", () => settle("alive"));
    probe.on("error", (error: NodeJS.ErrnoException) => settle(error.code === "ENOENT" ? "missing" : error.code === "ECONNREFUSED" ? "dead" : "alive"));
  });
}

/** A name beside `path` that nobody else uses: `path`, a dot, six random characters and `ending`, 11 bytes in all. */
export function uniqueName(path: string, ending: ".new" | ".old"): string {
  return `${path}.${Math.random().toString(36).slice(2, 8).padEnd(6, "0")}${ending}`;
}

/** Removes a name; that it is gone already is as good. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/**
 * Stops accepting and leaves the socket's name to whoever else holds the listening handle. libuv unlinks the path it was
 * bound at when the handle closes, so a second name is held meanwhile: for a few microseconds `path` does not exist.
 * A server bound by a private name and linked (singleton.ts) has no such gap and only needs `server.close()`.
 */
export function closeKeepingPath(server: net.Server, path: string): void {
  const kept = uniqueName(path, ".old");
  linkSync(path, kept);
  server.close();
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) renameSync(kept, path);
  // Renaming one link over another of the same file does nothing at all, rename(2).
  unlinkIfThere(kept);
}
