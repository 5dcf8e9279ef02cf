/**
 * The far end dies (SIGKILL) in the middle of a transfer: the client learns that the connection is over and never sees a
 * wrong byte; the near end keeps its port and works again when the far end is back.
 */
import assert from "node:assert/strict";
import { type Backend, startBackend } from "../support/process/backend.ts";
import { startEnd, startTunnel, type Tunnel } from "../support/process/ends.ts";
import { connectTo, exchange, type Peer } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** The far end is dead long before this. */
const ENDLESS_BYTES = 1_000_000_000;
const ENOUGH_BYTES = 4_000_000;

/** Byte i of the stream that backends send here. */
function pattern(offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index++) bytes[index] = ((offset + index) * 31) % 251;
  return bytes;
}

/** Sends the pattern as fast as the socket takes it. */
function startPattern(stage: Stage): Promise<Backend> {
  const period = pattern(0, 251 * 256);
  return startBackend(stage, ({ socket }) => {
    let sent = 0;
    const push = (): void => {
      while (sent < ENDLESS_BYTES && !socket.destroyed) {
        sent += period.length;
        if (!socket.write(period)) return;
      }
    };
    socket.on("drain", push);
    push();
  });
}

async function killInTheMiddle(stage: Stage): Promise<{ readonly tunnel: Tunnel; readonly client: Peer }> {
  const tunnel = await startTunnel(stage, { target: (await startPattern(stage)).address });
  const client = await connectTo(stage, tunnel.address);
  await client.has(ENOUGH_BYTES);
  await tunnel.server.program.kill("SIGKILL");
  return { tunnel, client };
}

describe("a far end that is killed in the middle of a transfer", () => {
  const stage = stageForEach();

  it("ends the client's connection, and every byte that came before the kill is right", async () => {
    const { client } = await killInTheMiddle(stage);
    const received = await client.ended();
    assert.ok(received.length >= ENOUGH_BYTES);
    assert.equal(received.compare(pattern(0, received.length)), 0);
  });

  it("does not end the near end or cost its port, and is used again when it is back", async () => {
    const { tunnel, client } = await killInTheMiddle(stage);
    await client.ended();
    assert.equal((await (await connectTo(stage, tunnel.address)).closed()).length, 0);
    await tunnel.client.program.logs(/CONNECT_REFUSED/);
    const greeting = await startBackend(stage, ({ socket }) => void socket.end("back again"));
    await startEnd(stage, { role: "-d", source: tunnel.server.address, target: greeting.address, key: tunnel.key });
    assert.equal((await exchange(stage, tunnel.address, "")).toString(), "back again");
    assert.equal(tunnel.client.program.isRunning, true);
  });

  it("is noticed by clients that were only waiting", async () => {
    const backend = await startBackend(stage, ({ socket }) => void socket.write("hello"));
    const tunnel = await startTunnel(stage, { target: backend.address });
    const idle = await Promise.all([1, 2, 3].map(() => connectTo(stage, tunnel.address)));
    for (const peer of idle) await peer.has(5);
    await tunnel.server.program.kill("SIGKILL");
    for (const peer of idle) assert.equal((await peer.ended()).toString(), "hello");
  });
});

describe("a near end that is killed in the middle of a transfer", () => {
  const stage = stageForEach();

  it("ends the backend's connection, and the far end serves the next one", async () => {
    const backend = await startPattern(stage);
    const tunnel = await startTunnel(stage, { target: backend.address });
    const client = await connectTo(stage, tunnel.address);
    await client.has(ENOUGH_BYTES);
    await tunnel.client.program.kill("SIGKILL");
    await until(() => backend.peers[0]?.isClosed === true || backend.peers[0]?.hasEnded === true, { what: "the backend knew" });
    const next = await startEnd(stage, { role: "-e", target: tunnel.server.address, key: tunnel.key });
    await (await connectTo(stage, next.address)).has(ENOUGH_BYTES);
    assert.equal(tunnel.server.program.isRunning, true);
  });
});
