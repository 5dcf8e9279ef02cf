/**
 * However connections end, they leave nothing behind: no descriptor, and no memory that grows with their number.
 */
import assert from "node:assert/strict";
import { type Backend, startBackend, startEcho } from "../support/process/backend.ts";
import { freeAddress, startTunnel, type Tunnel } from "../support/process/ends.ts";
import { openSockets } from "../support/process/listening.ts";
import { connectTo, exchange, type Peer } from "../support/process/peer.ts";
import { residentBytes } from "../support/process/proc-info.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const ROUNDS = 20;
const AT_ONCE = 10;
const MOST_BYTES = 16_384;
const MOST_THOUSANDS = 5;

const ENDINGS: readonly { readonly name: string; readonly backend: (stage: Stage) => Promise<Backend>; readonly use: (peer: Peer) => Promise<unknown> }[] = [
  { name: "by the client", backend: startEcho, use: (peer) => peer.echoes("x").then(() => peer.closedByUs()) },
  { name: "by the client's reset", backend: startEcho, use: (peer) => peer.echoes("x").then(() => peer.socket.resetAndDestroy()) },
  { name: "by the client's reset before anything was said", backend: startEcho, use: async (peer) => peer.socket.resetAndDestroy() },
  { name: "by the client's end before anything was said", backend: startEcho, use: (peer) => peer.closedByUs() },
  { name: "by the backend", backend: (stage) => startBackend(stage, ({ socket }) => void socket.end("bye")), use: (peer) => peer.closed() },
  { name: "by the backend's reset", backend: (stage) => startBackend(stage, ({ socket }) => void socket.resetAndDestroy()), use: (peer) => peer.closed() },
  {
    name: "by a backend that is not there",
    backend: async () => ({ address: await freeAddress(), peers: [] }),
    use: (peer) => peer.closed(),
  },
];

/** An immediate reset may arrive before our own connect is reported: then the connect fails. */
async function useOne(stage: Stage, address: string, use: (peer: Peer) => Promise<unknown>): Promise<void> {
  const peer = await connectTo(stage, address).catch((error: Error) => {
    if (/ECONNRESET/.test(error.message)) return undefined;
    throw error;
  });
  if (peer) await use(peer);
}

function socketsOf({ client, server }: Tunnel): number {
  return openSockets(client.program.pid).length + openSockets(server.program.pid).length;
}

describe("connections that are ended", () => {
  const stage = stageForEach();

  for (const { name, backend, use } of ENDINGS) {
    it(`${name} leave no descriptor behind`, async () => {
      const tunnel = await startTunnel(stage, { target: (await backend(stage)).address });
      const before = socketsOf(tunnel);
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(Array.from({ length: AT_ONCE }, () => useOne(stage, tunnel.address, use)));
      }
      await until(() => socketsOf(tunnel) === before, { what: `there were ${before} sockets again` });
    });
  }

  it("cost no memory that grows with their number", async () => {
    const tunnel = await startTunnel(stage, { target: (await startEcho(stage)).address });
    const churn = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += AT_ONCE) {
        await Promise.all(Array.from({ length: AT_ONCE }, () => exchange(stage, tunnel.address, "x")));
      }
    };
    const ends = [tunnel.client.program.pid, tunnel.server.program.pid];
    await churn(300); // Caches have reached their size.
    // The heap reaches its size in steps, sooner or later: memory that each connection leaves shows after every thousand.
    let perConnection = Number.POSITIVE_INFINITY;
    for (let thousand = 0; thousand < MOST_THOUSANDS && perConnection >= MOST_BYTES; thousand++) {
      const before = ends.map(residentBytes);
      await churn(1_000);
      perConnection = Math.max(...ends.map((pid, index) => residentBytes(pid) - (before[index] ?? 0))) / 1_000;
    }
    assert.ok(perConnection < MOST_BYTES, `${Math.round(perConnection)} bytes stayed for each connection, of every thousand`);
  });
});
