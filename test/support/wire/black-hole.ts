/** An address that never answers: for it node:net's connect returns a socket that stays unconnected. All connects are recorded. */

import { createRequire, syncBuiltinESMExports } from "node:module";
import type * as net from "node:net";
import type { Stage } from "../stage.ts";

/** RFC 5737: an address for documentation, never in use. */
export const BLACK_HOLE = "192.0.2.1";

interface Connects {
  /** Hosts and paths in the order they were tried. */
  readonly tried: string[];
  readonly sockets: net.Socket[];
}

export function watchConnects(scope: Stage): Connects {
  const builtin = createRequire(import.meta.url)("node:net") as { connect: (options: net.NetConnectOpts) => net.Socket; Socket: typeof net.Socket };
  const original = builtin.connect;
  const seen: Connects = { tried: [], sockets: [] };
  const patch = (connect: typeof original): void => {
    builtin.connect = connect;
    syncBuiltinESMExports();
  };
  patch((options) => {
    const host = "path" in options ? options.path : (options.host ?? "");
    seen.tried.push("path" in options ? host : `${host}:${options.port}`);
    const socket = host === BLACK_HOLE ? new builtin.Socket() : original(options);
    seen.sockets.push(socket);
    return socket;
  });
  scope.own(original, patch);
  scope.own(seen.sockets, (sockets) => {
    for (const socket of sockets) socket.destroy();
  });
  return seen;
}
