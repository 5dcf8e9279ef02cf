/**
 * A fast sender and a reader that has stopped: the sender is held back, memory stays bounded in both ends, and when the
 * reader goes on, every byte arrives. In both directions.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { startBackend } from "../support/process/backend.ts";
import { startTunnel, type Tunnel } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { peakResidentBytes, residentBytes } from "../support/process/proc-info.ts";
import { until, untilStill } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

const MIB = 1024 * 1024;
const TOTAL_BYTES = 500 * MIB;
/** The most memory that our two ends may hold, garbage not yet collected included. */
const MAX_RISE_BYTES = 64 * MIB;
/** Kernel buffers of six sockets (up to 6 MiB to receive and 4 MiB to send each by Linux's defaults) and our own queues. */
const MAX_HELD_BYTES = 80 * MIB;

/** Pushes TOTAL_BYTES as fast as the socket takes them; `taken` is how many have left this process. */
class Sender {
  readonly hash = createHash("sha256");
  readonly #socket: Socket;
  #queuedBytes = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("drain", () => this.push());
  }

  get takenBytes(): number {
    return this.#queuedBytes - this.#socket.writableLength;
  }

  push(): void {
    while (this.#queuedBytes < TOTAL_BYTES) {
      const chunk = Buffer.alloc(MIB, this.#queuedBytes / MIB);
      this.#queuedBytes += chunk.length;
      this.hash.update(chunk);
      if (!this.#socket.write(chunk)) return;
    }
    this.#socket.end();
  }
}

/** Reads a stopped socket's data from now on. */
function receive(socket: Socket): { readonly hash: ReturnType<typeof createHash>; bytes: number; ended: boolean } {
  const received = { hash: createHash("sha256"), bytes: 0, ended: false };
  socket.on("data", (chunk: Buffer) => {
    received.hash.update(chunk);
    received.bytes += chunk.length;
  });
  socket.once("end", () => {
    received.ended = true;
  });
  socket.resume();
  return received;
}

async function holdsBack(tunnel: Tunnel, sending: Socket, reading: Socket): Promise<void> {
  const ends = [tunnel.client.program.pid, tunnel.server.program.pid];
  const before = ends.map(residentBytes);
  const assertBounded = (when: string): void => {
    for (const [index, pid] of ends.entries()) {
      const rise = peakResidentBytes(pid) - (before[index] ?? 0);
      assert.ok(rise < MAX_RISE_BYTES, `the ${index === 0 ? "client" : "server"} end took ${Math.round(rise / MIB)} MiB more ${when}`);
    }
  };
  const sender = new Sender(sending);
  sender.push();
  const held = await untilStill(() => sender.takenBytes, { what: "the sender was held back", rounds: 100 });
  assert.ok(held < MAX_HELD_BYTES, `${Math.round(held / MIB)} MiB were taken from the sender`);
  assertBounded("while the reader had stopped");
  const received = receive(reading);
  await until(() => received.ended, { what: "all of it had arrived" });
  assert.equal(received.bytes, TOTAL_BYTES);
  assert.equal(received.hash.digest("hex"), sender.hash.digest("hex"));
  assertBounded("in all");
}

describe("500 MiB towards a reader that has stopped", () => {
  const stage = stageForEach();

  it("are held back in the sender, and arrive unaltered later: a client sends", async () => {
    const sockets: Socket[] = [];
    const backend = await startBackend(stage, ({ socket }) => {
      socket.removeAllListeners("data");
      socket.pause();
      sockets.push(socket);
    });
    const tunnel = await startTunnel(stage, { target: backend.address });
    const client = await connectTo(stage, tunnel.address);
    await until(() => sockets.length === 1, { what: "the backend was reached" });
    await holdsBack(tunnel, client.socket, sockets[0] as Socket);
  });

  it("are held back in the sender, and arrive unaltered later: a backend sends", async () => {
    const backend = await startBackend(stage, () => {});
    const tunnel = await startTunnel(stage, { target: backend.address });
    const client = await connectTo(stage, tunnel.address);
    client.socket.removeAllListeners("data");
    client.socket.pause();
    await until(() => backend.peers.length === 1, { what: "the backend was reached" });
    await holdsBack(tunnel, backend.peers[0]?.socket as Socket, client.socket);
  });
});
