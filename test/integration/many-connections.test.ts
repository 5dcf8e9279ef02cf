/**
 * Many connections at once: all are correct without a limit, all are served in turn with a limit, and the end survives
 * running out of descriptors.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, type RoleOption, startEnd, startTunnel } from "../support/process/ends.ts";
import { connectTo, exchange, type Peer, sha256 } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const MANY = 200;
const DESCRIPTORS = 64;
const CROWD = 100;

describe("many connections at once", () => {
  const stage = stageForEach();

  it("are all open together and each gets its own bytes back (-n 0)", async () => {
    const echo = await startEcho(stage);
    const { address } = await startTunnel(stage, { target: echo.address, args: ["-n", "0"] });
    const peers = await Promise.all(Array.from({ length: MANY }, () => connectTo(stage, address)));
    const sent = peers.map(() => randomBytes(50_000));
    for (const [index, peer] of peers.entries()) peer.send(sent[index] ?? "");
    await until(() => peers.every((peer) => peer.receivedBytes === 50_000 || peer.hasEnded), { what: "all had their bytes back" });
    assert.equal(echo.peers.filter((peer) => !peer.hasEnded).length, MANY);
    assert.deepEqual(
      peers.map((peer) => sha256(peer.received)),
      sent.map(sha256),
    );
  });

  it("are all served in turn when there are twice as many as the default limit", async () => {
    const { address } = await startTunnel(stage, { target: (await startEcho(stage)).address });
    const sent = Array.from({ length: MANY }, () => randomBytes(5_000));
    const back = await Promise.all(sent.map((bytes) => exchange(stage, address, bytes)));
    assert.deepEqual(back.map(sha256), sent.map(sha256));
  });
});

/** One end with few descriptors between an echo and its callers. */
async function startPoorEnd(stage: Stage, poor: RoleOption) {
  const key = makeKey(stage);
  const shell = (role: RoleOption) => (role === poor ? { shell: `ulimit -n ${DESCRIPTORS}` } : {});
  const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key, args: ["-n", "0"], ...shell("-d") });
  const client = await startEnd(stage, { role: "-e", target: server.address, key, args: ["-n", "0"], ...shell("-e") });
  return { address: client.address, poor: poor === "-e" ? client : server };
}

describe(`an end that may have ${DESCRIPTORS} descriptors open`, () => {
  const stage = stageForEach();

  for (const role of ["-e", "-d"] as const) {
    it(`survives ${CROWD} connections at once, keeps an old one, and serves new ones when the crowd is gone (${role})`, async () => {
      const { address, poor } = await startPoorEnd(stage, role);
      const old = await connectTo(stage, address);
      await old.echoes("before");
      const crowd: Peer[] = [];
      for (let index = 0; index < CROWD; index++) crowd.push(await connectTo(stage, address));
      for (const peer of crowd) peer.send("x");
      // At a server end a handshake gives way, and a newcomer is turned away only when there is no handshake.
      await poor.program.logs(/LIMIT_REACHED: (?:turned away, as this process has no file descriptors left|file descriptors are short in this process)/);
      await old.echoes("during");
      for (const peer of crowd) peer.socket.destroy();
      // Until their descriptors are free, a newcomer may still be turned away.
      await until(async () => (await exchange(stage, address, "hello")).toString() === "hello", { what: "a newcomer was served" });
      await old.echoes("after");
      assert.equal(poor.program.isRunning, true);
    });
  }
});
