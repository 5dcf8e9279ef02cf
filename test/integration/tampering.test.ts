/**
 * Somebody on the way who changes, repeats or cuts the encrypted stream: the client never sees a byte that was not
 * sent, and is told that the stream did not end well.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startBackend } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { type Meddle, startRelay } from "../support/process/relay.ts";
import { stageForEach } from "../support/stage.ts";

/** Nonce, y_S and its MAC; then packets (spiped's DESIGN.md). */
const HANDSHAKE_BYTES = 32 + 288;
const PACKET_BYTES = 1_060;
const MESSAGE_BYTES = 1_024;
const SENT = randomBytes(100 * MESSAGE_BYTES);
/** A byte in the middle of packet number 50. */
const SPOT = HANDSHAKE_BYTES + 50 * PACKET_BYTES + 500;

const flipAt =
  (spot: number): Meddle =>
  (chunk, offset) => {
    const index = spot - offset;
    if (index >= 0 && index < chunk.length) chunk[index] = (chunk[index] ?? 0) ^ 1;
    return { pass: chunk };
  };

const cutAt =
  (spot: number, cut: "end" | "reset"): Meddle =>
  (chunk, offset) =>
    offset + chunk.length < spot ? { pass: chunk } : { pass: chunk.subarray(0, spot - offset), cut };

const repeatAt =
  (spot: number): Meddle =>
  (chunk, offset) => {
    const index = spot - offset;
    if (index < 0 || index >= chunk.length) return { pass: chunk };
    return { pass: Buffer.concat([chunk.subarray(0, index), randomBytes(PACKET_BYTES), chunk.subarray(index)]) };
  };

const CASES: readonly { readonly name: string; readonly meddle: Meddle; readonly reason: RegExp }[] = [
  { name: "flips one bit of a packet", meddle: flipAt(SPOT), reason: /RECORD_INVALID/ },
  { name: "flips one bit of a packet's MAC", meddle: flipAt(HANDSHAKE_BYTES + 51 * PACKET_BYTES - 1), reason: /RECORD_INVALID/ },
  { name: "puts a packet in between", meddle: repeatAt(HANDSHAKE_BYTES + 50 * PACKET_BYTES), reason: /RECORD_INVALID/ },
  { name: "ends the stream inside a packet", meddle: cutAt(SPOT, "end"), reason: /TRUNCATED/ },
];

describe("somebody on the way who", () => {
  const stage = stageForEach();

  for (const { name, meddle, reason } of CASES) {
    it(`${name} brings no wrong byte to the client`, async () => {
      const key = makeKey(stage);
      const backend = await startBackend(stage, ({ socket }) => void socket.write(SENT));
      const server = await startEnd(stage, { role: "-d", target: backend.address, key });
      const relay = await startRelay(stage, server.address, meddle);
      const client = await startEnd(stage, { role: "-e", target: relay.address, key });
      const peer = await connectTo(stage, client.address);
      const received = await peer.ended();
      assert.ok(received.length <= 50 * MESSAGE_BYTES, `${received.length} bytes came`);
      assert.equal(received.compare(SENT.subarray(0, received.length)), 0);
      await client.program.logs(reason);
      assert.equal(peer.errorCode, "ECONNRESET", "it must not look like the end of a whole stream");
    });
  }

  it("changes the handshake brings no byte to the client at all", async () => {
    const key = makeKey(stage);
    const backend = await startBackend(stage, ({ socket }) => void socket.write(SENT));
    const server = await startEnd(stage, { role: "-d", target: backend.address, key });
    const relay = await startRelay(stage, server.address, flipAt(100));
    const client = await startEnd(stage, { role: "-e", target: relay.address, key });
    const peer = await connectTo(stage, client.address);
    assert.equal((await peer.ended()).length, 0);
    await client.program.logs(/PEER_MAC_INVALID/);
  });

  it("changes the server's nonce looks to the server like a client with another key, for which it dials nobody", async () => {
    const key = makeKey(stage);
    const backend = await startBackend(stage, ({ socket }) => void socket.end(SENT));
    const server = await startEnd(stage, { role: "-d", target: backend.address, key });
    const relay = await startRelay(stage, server.address, flipAt(5));
    const client = await startEnd(stage, { role: "-e", target: relay.address, key });
    assert.equal((await exchange(stage, client.address, "")).length, 0);
    await server.program.logs(/KEY_MISMATCH/);
    assert.equal(backend.peers.length, 0);
  });
});
