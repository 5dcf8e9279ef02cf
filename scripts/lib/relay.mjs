/**
 * A TCP relay that keeps the first bytes of each connection. With it the demonstration shows the bytes that a client sent
 * and the bytes on the wire. It changes nothing and passes half-closes on.
 */
import { connect, createServer } from "node:net";

const KEPT_BYTES = 256 * 1024;

/** Resolves to { port, connections, stop }; a connection is { bytes }: the bytes from the client to the target. */
export function startRelay(targetPort) {
  const connections = [];
  const sockets = new Set();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const connection = { bytes: Buffer.alloc(0) };
    connections.push(connection);
    client.setNoDelay(true).on("data", (chunk) => {
      const room = KEPT_BYTES - connection.bytes.length;
      if (room > 0) connection.bytes = Buffer.concat([connection.bytes, chunk.subarray(0, room)]);
    });
    join(client, target);
    join(target, client);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
  });
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve({ port: server.address().port, connections, stop }));
  });
}

function join(from, to) {
  from.pipe(to);
  from.on("error", () => to.destroy());
  from.once("close", () => to.end());
}
