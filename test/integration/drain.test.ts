/**
 * SIGTERM: newcomers are refused, open connections go on, and the exit code is 0 after the last one. Also under load.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startEcho } from "../support/process/backend.ts";
import { freeAddress, makeKey, startEnd, startTunnel } from "../support/process/ends.ts";
import { connectTo, exchange, type Peer, sha256 } from "../support/process/peer.ts";
import { statusField } from "../support/process/proc-info.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("a spiped that gets SIGTERM", () => {
  const stage = stageForEach();

  for (const role of ["-e", "-d"] as const) {
    it(`goes on with an open connection, refuses newcomers, and exits 0 after the last one (${role})`, async () => {
      const echo = await startEcho(stage);
      const { address, client, server } = await startTunnel(stage, { target: echo.address });
      const { program } = role === "-e" ? client : server;
      const old = await connectTo(stage, address);
      await old.echoes("before");
      program.child.kill("SIGTERM");
      await signalHandled(program.pid, old);
      if (role === "-e") await assert.rejects(connectTo(stage, address), /ECONNREFUSED/);
      else await (await connectTo(stage, address)).closed();
      for (const text of ["after", "and on", "and on and on"]) await old.echoes(text);
      assert.equal(program.isRunning, true);
      old.end();
      await old.ended();
      assert.deepEqual(await program.exit(), { code: 0, signal: null });
      assert.equal(echo.peers.length, 1);
    });

    it(`exits 0 at once when there is no connection (${role})`, async () => {
      const { program } = await startEnd(stage, { role, target: await freeAddress(), key: makeKey(stage) });
      assert.deepEqual(await program.kill("SIGTERM"), { code: 0, signal: null });
    });

    it(`ends at once on a second SIGTERM, connections or not (${role})`, async () => {
      const echo = await startEcho(stage);
      const { address, client, server } = await startTunnel(stage, { target: echo.address });
      const { program } = role === "-e" ? client : server;
      const peer = await connectTo(stage, address);
      await peer.echoes("before");
      program.child.kill("SIGTERM");
      await signalHandled(program.pid, peer);
      await peer.echoes("after");
      assert.deepEqual(await program.kill("SIGTERM"), { code: null, signal: "SIGTERM" });
      await peer.closed();
      assert.equal(peer.errorCode, "ECONNRESET", "it must not look like the end of a whole stream");
      await until(() => echo.peers[0]?.errorCode === "ECONNRESET", { what: "the backend knew that it was cut off" });
    });
  }

  it("removes its unix socket at the end", async () => {
    const source = stage.path("s");
    const { program } = await startEnd(stage, { role: "-d", source, target: await freeAddress(), key: makeKey(stage) });
    await program.kill("SIGTERM");
    await startEnd(stage, { role: "-d", source, target: await freeAddress(), key: makeKey(stage) });
  });

  it("finishes every transfer that was under way", async () => {
    const echo = await startEcho(stage);
    const { address, client, server } = await startTunnel(stage, { target: echo.address });
    const sent = Array.from({ length: 20 }, () => randomBytes(2_000_000));
    const back = sent.map((bytes) => exchange(stage, address, bytes));
    await until(() => echo.peers.length === sent.length && echo.peers.every((peer) => peer.receivedBytes > 0), { what: "all transfers were under way" });
    client.program.child.kill("SIGTERM");
    server.program.child.kill("SIGTERM");
    assert.deepEqual((await Promise.all(back)).map(sha256), sent.map(sha256));
    assert.equal((await client.program.exit()).code, 0);
    assert.equal((await server.program.exit()).code, 0);
  });
});

/** Signal 15 in the masks of /proc/PID/status. */
const SIGTERM_BIT = 1n << 14n;

/**
 * Waits until the program has taken a SIGTERM that was sent. The signal is no longer pending once the program's handler
 * has put it into the event loop; the loop handles it in the same turn as the data that `peer` sends after that.
 */
async function signalHandled(pid: number, peer: Peer): Promise<void> {
  await until(() => (BigInt(`0x${statusField(pid, "ShdPnd")}`) & SIGTERM_BIT) === 0n, { what: "SIGTERM was taken" });
  for (const text of ["first turn", "second turn"]) await peer.echoes(text);
}
