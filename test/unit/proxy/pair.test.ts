/** A client and a server end of ours joined over loopback: data, half-closes, counters. */
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { stageForEach } from "../../support/stage.ts";
import { ascii, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { startEnd, startPair } from "../../support/wire/ends.ts";
import { connectTo, startBackend, temporaryFolder } from "../../support/wire/peer.ts";
import { SUITE_PAIRS } from "../../support/wire/suites.ts";

describe("a pair of ends", () => {
  const scope = stageForEach();

  for (const [clientSuite, serverSuite] of SUITE_PAIRS) {
    it(`carries data both ways between ${clientSuite.name} and ${serverSuite.name}`, async () => {
      const backend = await startBackend(scope);
      const server = await startEnd(scope, { role: "server", target: backend.port, suite: serverSuite });
      const client = await startEnd(scope, { role: "client", target: server.port, suite: clientSuite });
      const user = await connectTo(scope, client);
      user.write(pattern(5_000, 1));
      const service = await backend.accept();
      sameBytes(await service.read(5_000), pattern(5_000, 1), "upstream");
      service.write(pattern(5_000, 2));
      sameBytes(await user.read(5_000), pattern(5_000, 2), "downstream");
    });
  }

  it("carries a few megabytes each way at once, unchanged", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    const [up, down] = [pattern(3_000_000, 1), pattern(3_000_000, 2)];
    user.write(up);
    service.write(down);
    sameBytes(await service.read(up.length), up, "upstream");
    sameBytes(await user.read(down.length), down, "downstream");
  });

  it("carries data that the backend sends before its client says anything", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    (await backend.accept()).write(ascii("greeting"));
    sameBytes(await user.read(8), ascii("greeting"));
  });

  it("reaches a backend at a unix socket", async () => {
    const path = joinPath(temporaryFolder(scope), "s");
    const backend = await startBackend(scope, { path });
    const server = await startEnd(scope, { role: "server", target: { kind: "unix", path } });
    const client = await startEnd(scope, { role: "client", target: server.port });
    const user = await connectTo(scope, client);
    user.write(ascii("hello"));
    sameBytes(await (await backend.accept()).read(5), ascii("hello"));
  });

  it("passes the client's half-close on and still carries data back", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    user.write(ascii("question"));
    await user.end();
    const service = await backend.accept();
    sameBytes(await service.read(8), ascii("question"));
    assert.equal(await service.ending(), "end");
    service.write(ascii("answer"));
    sameBytes(await user.read(6), ascii("answer"));
  });

  it("passes the backend's half-close on and still carries data to it", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    service.write(ascii("last words"));
    await service.end();
    sameBytes(await user.read(10), ascii("last words"));
    assert.equal(await user.ending(), "end");
    user.write(ascii("noted"));
    sameBytes(await service.read(5), ascii("noted"));
  });

  it("is over at both ends, without a failure, when both sides have half-closed", async () => {
    const backend = await startBackend(scope);
    const { client, server } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    service.write(ascii("x"));
    await user.read(1);
    await Promise.all([user.end(), service.end()]);
    await Promise.all([client.allClosed(1), server.allClosed(1)]);
    assert.deepEqual([client.failures, server.failures], [[], []]);
    assert.deepEqual([client.forwarder.connections.size, server.forwarder.connections.size], [0, 0]);
  });

  it("passes a half-close on that came with no data, before the tunnel was up", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    await user.end();
    const service = await backend.accept();
    assert.equal(await service.ending(), "end");
  });

  it("counts plain and wire bytes the same at both ends", async () => {
    const backend = await startBackend(scope);
    const { client, server } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    user.write(pattern(1_025));
    const service = await backend.accept();
    await service.read(1_025);
    service.write(pattern(3));
    await user.read(3);
    await Promise.all([user.end(), service.end()]);
    await Promise.all([client.allClosed(1), server.allClosed(1)]);
    const [near, far] = [client.stats, server.stats];
    assert.deepEqual([near.plainOutBytes, near.plainInBytes], [1_025, 3]);
    assert.deepEqual([far.plainInBytes, far.plainOutBytes], [1_025, 3]);
    assert.equal(near.wireInBytes, 320 + 1060);
    assert.equal(near.wireOutBytes % 1060, 320, "a handshake and whole packets");
    assert.deepEqual([far.wireInBytes, far.wireOutBytes], [near.wireOutBytes, near.wireInBytes]);
  });

  it("counts connections: as open while they are open, none left over, all in the total", async () => {
    const backend = await startBackend(scope);
    const { client, server } = await startPair(scope, backend.port);
    const users = [await connectTo(scope, client), await connectTo(scope, client)];
    for (const user of users) {
      user.write(ascii("x"));
      await (await backend.accept()).read(1);
    }
    for (const { stats } of [client, server]) assert.deepEqual([stats.open, stats.opening, stats.total], [2, 0, 2]);
    for (const user of users) user.socket.destroy();
    for (const peer of backend.peers) await peer.ending().then(() => peer.socket.destroy());
    await Promise.all([client.allClosed(2), server.allClosed(2)]);
    for (const { stats } of [client, server]) assert.deepEqual([stats.open, stats.opening, stats.total], [0, 0, 2]);
  });

  it("records when key and backend were verified, and how many handshakes and dials were made", async () => {
    const backend = await startBackend(scope);
    const { client, server } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    user.write(ascii("x"));
    await service.read(1);
    for (const { stats } of [client, server]) {
      assert.equal(typeof stats.keyVerifiedAtMs, "number");
      assert.equal(stats.backendVerifiedAtMs, undefined, "the backend has said nothing yet");
      assert.deepEqual([stats.handshake.count, stats.dial.count], [1, 1]);
    }
    service.write(ascii("y"));
    await user.read(1);
    for (const { stats } of [client, server]) assert.equal(typeof stats.backendVerifiedAtMs, "number");
  });
});
