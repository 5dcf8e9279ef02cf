/**
 * What an application sees, and the log says, when something behind the tunnel is not there: the connection is closed at
 * once, the log has the cause's code, and the tunnel works again as soon as the cause is gone.
 */
import assert from "node:assert/strict";
import { startEcho } from "../support/process/backend.ts";
import { freeAddress, type Maker, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { stageForEach } from "../support/stage.ts";

describe("a backend that refuses connections", () => {
  const stage = stageForEach();

  for (const maker of ["ours", "Debian's"] satisfies Maker[]) {
    it(`closes the client, and the client end's log names the cause: server end ${maker}`, async () => {
      const key = makeKey(stage);
      const server = await startEnd(stage, { maker, role: "-d", target: await freeAddress(), key });
      const client = await startEnd(stage, { role: "-e", target: server.address, key });
      const peer = await connectTo(stage, client.address);
      peer.send("question");
      assert.equal((await peer.closed()).length, 0);
      // Debian's spiped closes before it judges the key, which can look like another key to the client end.
      await client.program.logs(maker === "ours" ? /BACKEND_DOWN/ : /BACKEND_DOWN|KEY_MISMATCH|PEER_CLOSED/);
    });
  }

  it("is named with its address in the server end's log", async () => {
    const key = makeKey(stage);
    const target = await freeAddress();
    const server = await startEnd(stage, { role: "-d", target, key });
    const client = await startEnd(stage, { role: "-e", target: server.address, key });
    await (await connectTo(stage, client.address)).closed();
    await server.program.logs(/CONNECT_REFUSED: /);
    assert.ok(server.program.stderr.includes(target.replace("[127.0.0.1]", "127.0.0.1")), server.program.stderr);
  });

  it("is served again through the same two ends once it is there", async () => {
    const key = makeKey(stage);
    const target = await freeAddress();
    const server = await startEnd(stage, { role: "-d", target, key });
    const client = await startEnd(stage, { role: "-e", target: server.address, key });
    await (await connectTo(stage, client.address)).closed();
    await startEcho(stage, target);
    assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
  });

  it("can be a unix socket that does not exist", async () => {
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: stage.path("none"), key });
    const client = await startEnd(stage, { role: "-e", target: server.address, key });
    assert.equal((await (await connectTo(stage, client.address)).closed()).length, 0);
    await server.program.logs(/CONNECT_REFUSED: .*no such socket/);
  });
});

describe("a server end that is not there", () => {
  const stage = stageForEach();

  it("closes the client at once, with CONNECT_REFUSED in the log, and is used once it is there", async () => {
    const key = makeKey(stage);
    const farAddress = await freeAddress();
    const client = await startEnd(stage, { role: "-e", target: farAddress, key });
    assert.equal((await (await connectTo(stage, client.address)).closed()).length, 0);
    await client.program.logs(/CONNECT_REFUSED: /);
    await startEnd(stage, { role: "-d", source: farAddress, target: (await startEcho(stage)).address, key });
    assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
  });

  it("logs a repeated failure in one line", async () => {
    const client = await startEnd(stage, { role: "-e", target: await freeAddress(), key: makeKey(stage) });
    for (let round = 0; round < 20; round++) await (await connectTo(stage, client.address)).closed();
    assert.equal(client.program.log.length, 1);
  });
});
