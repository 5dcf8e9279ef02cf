/**
 * A port on 127.0.0.1 that nothing listens at, now; whoever comes first may still
 * take it, which the daemon then says.
 */
import * as net from "node:net";

/** What is being tried now: two tries of one port at once would each find the other there. */
const trying = new Map<number, Promise<boolean>>();

/** Whether a listener can be opened there. */
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

/** The first free one of `candidates`, else any. Rejects when there is none at all. */
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
