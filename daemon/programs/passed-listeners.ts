/**
 * Sockets that a service manager has opened for us; an entry with the same address
 * uses them. Node accepts as soon as it has a listener: connections that arrive before
 * the entry is open (the one that made the manager start us) are kept for the entry.
 */
import { closeSync } from "node:fs";
import * as net from "node:net";
import { passedDescriptors, unixPathOf } from "../lifecycle/systemd.ts";
import { WRITE_QUEUE_BYTES } from "../proxy/dial.ts";
import type { Inherited } from "../tunnels/tunnel.ts";

/** The passed sockets with their addresses; `discard` closes a socket. */
export function passedListeners(): Inherited[] {
  return passedDescriptors(process.env, process.pid).flatMap((fd): Inherited[] => {
    const unixPath = unixPathOf(fd);
    if (unixPath !== undefined) return [passedUnixSocket(fd, unixPath)];
    const early: net.Socket[] = [];
    const passed = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: WRITE_QUEUE_BYTES });
    passed.on("connection", (socket) => {
      socket.on("error", () => {});
      early.push(socket);
    });
    passed.listen({ fd });
    const bound = passed.address();
    if (bound === null || typeof bound === "string") {
      passed.close();
      return [];
    }
    const address = { kind: "tcp", host: bound.address, port: bound.port } as const;
    const listen = async (server: net.Server): Promise<void> => {
      await listenOn(server, passed);
      for (const socket of early.splice(0)) server.emit("connection", socket);
    };
    const discard = (): void => {
      passed.close();
      for (const socket of early.splice(0)) socket.destroy();
    };
    return [{ address, listen, discard }];
  });
}

/** Node can't tell the path of a unix socket that it did not bind, nor open one twice. So it is opened with its entry; until then clients wait in its queue. */
function passedUnixSocket(fd: number, path: string): Inherited {
  return { address: { kind: "unix", path }, listen: (server) => listenOn(server, { fd }), discard: () => closeSync(fd) };
}

function listenOn(server: net.Server, handle: net.Server | { readonly fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(handle, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
