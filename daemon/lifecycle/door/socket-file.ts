/**
 * A unix socket's file: its identity, whether anybody answers there, and how to
 * close a server without losing the name that others know. Only ENOENT and
 * ECONNREFUSED prove that nobody listens: a busy or forbidden daemon is alive.
 */
import { linkSync, lstatSync, renameSync } from "node:fs";
import * as net from "node:net";
import { TunnelError } from "../../../shared/errors.ts";
import { type FileIdentity, identifyFile, unlinkIfThere } from "../../../shared/files.ts";
import { message } from "../../../shared/message.ts";

/**
 * The identity of the socket at `path`; undefined when nothing is there.
 * @throws TunnelError DAEMON_UNREACHABLE if something other than a socket is there: that file is not ours to remove
 */
export function identifySocket(path: string): FileIdentity | undefined {
  const found = identifyFile(path);
  if (found && !found.isSocket) throw new TunnelError("DAEMON_UNREACHABLE", message("{0} is not a socket: remove or rename what is there", path));
  return found;
}

/** alive: somebody listens, or nothing proves the contrary; dead: a socket without a listener; missing: no file. */
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

/**
 * Stops accepting and leaves the socket's name to the other holder of the listening handle. When the handle closes, libuv
 * unlinks the path that it was bound at, so we keep a second name meanwhile: for a few microseconds `path` does not exist.
 * A server that was bound at a private name and linked (singleton.ts) has no such gap and only needs `server.close()`.
 */
export function closeKeepingPath(server: net.Server, path: string): void {
  const kept = uniqueName(path, ".old");
  linkSync(path, kept);
  server.close();
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) renameSync(kept, path);
  // Renaming one link over another link to the same file does nothing, rename(2).
  unlinkIfThere(kept);
}
