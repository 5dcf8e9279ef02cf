/**
 * A port on 127.0.0.1 at which nothing listens now. Another program may still take
 * the port first; the daemon then says so.
 */
import * as net from "node:net";

/** Ports that are being tried now: two tries of one port at the same time would find each other's listener. */
const trying = new Map<number, Promise<boolean>>();

/** Whether a listener can be opened at the port. */
export function isFreePort(port: number): Promise<boolean> {
  const tried = trying.get(port) ?? tryPort(port).finally(() => trying.delete(port));
  trying.set(port, tried);
  return tried;
}

function tryPort(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first free port of `candidates`, else any free port. Rejects when no port is free at all. */
export async function findFreePort(candidates: readonly number[]): Promise<number> {
  for (const port of candidates) if (await isFreePort(port)) return port;
  return await new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen({ port: 0, host: "127.0.0.1" }, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
