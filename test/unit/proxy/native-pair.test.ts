/** A client and a server end of ours joined over loopback by the native wire: one connection, many streams, and how each ends. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { stageForEach } from "../../support/stage.ts";
import { ascii, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, makeRoute, startEnd, startPair } from "../../support/wire/ends.ts";
import { type Backend, closedPort, connectTo, type Joined, join, startBackend } from "../../support/wire/peer.ts";
import { SUITE_PAIRS } from "../../support/wire/suites.ts";

/** Connections that a listener of ours has accepted on the wire: sockets, not streams. */
async function socketsOf(end: End): Promise<number> {
  return await new Promise((resolve, reject) => end.forwarder.server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
}

describe("a pair of ends on the native wire", () => {
  const scope = stageForEach();
  let backend: Backend;

  beforeEach(async () => {
    backend = await startBackend(scope);
  });

  const pair = (more = {}): Promise<{ readonly client: End; readonly server: End }> => startPair(scope, backend.port, { wire: "auto", ...more });

  const joined = (client: End): Promise<Joined> => join(scope, client, backend);

  for (const [clientSuite, serverSuite] of SUITE_PAIRS)
    it(`carries data both ways between ${clientSuite.name} and ${serverSuite.name}`, async () => {
      const server = await startEnd(scope, { role: "server", target: backend.port, suite: serverSuite, wire: "auto" });
      const client = await startEnd(scope, { role: "client", target: server.port, suite: clientSuite, wire: "auto" });
      const { user, service } = await joined(client);
      user.write(pattern(5_000, 1));
      sameBytes(await service.read(5_000), pattern(5_000, 1), "upstream");
      service.write(pattern(5_000, 2));
      sameBytes(await user.read(5_000), pattern(5_000, 2), "downstream");
      assert.deepEqual([client.stats.wire, server.stats.wire], ["native", "native"]);
    });

  it("puts every connection on one", async () => {
    const { client, server } = await pair();
    const users = [];
    for (let index = 0; index < 20; index++) users.push(await joined(client));
    assert.equal(await socketsOf(server), 1);
    assert.deepEqual([client.stats.open, server.stats.open, client.stats.total, server.stats.total], [20, 20, 20, 20]);
    assert.deepEqual([client.stats.handshake.count, server.stats.handshake.count], [1, 1]);
  });

  it("makes one connection for twenty users who come at once, before anybody knows which wire is spoken", async () => {
    const { client, server } = await pair();
    const users = await Promise.all(Array.from({ length: 20 }, () => connectTo(scope, client)));
    for (const [index, user] of users.entries()) user.write(pattern(100, index + 1));
    for (let index = 0; index < 20; index++) await (await backend.accept()).read(100);
    assert.equal(await socketsOf(server), 1);
  });

  it("carries megabytes each way at once on several streams, unchanged", async () => {
    const { client } = await pair();
    const [up, down] = [pattern(3_000_000, 1), pattern(3_000_000, 2)];
    await Promise.all(
      [1, 2, 3].map(async () => {
        const { user, service } = await joined(client);
        user.write(up);
        service.write(down);
        sameBytes(await service.read(up.length), up, "upstream");
        sameBytes(await user.read(down.length), down, "downstream");
      }),
    );
  });

  it("carries data that the backend sends before its client says anything", async () => {
    const { client } = await pair();
    const user = await connectTo(scope, client);
    (await backend.accept()).write(ascii("greeting"));
    sameBytes(await user.read(8), ascii("greeting"));
  });

  it("keeps nobody waiting behind a receiver that stops reading", async () => {
    const { client } = await pair();
    const lazy = await joined(client);
    lazy.user.socket.pause();
    lazy.service.write(pattern(20_000_000));
    for (let index = 0; index < 3; index++) {
      const { user, service } = await joined(client);
      service.write(pattern(400_000, index + 1));
      sameBytes(await user.read(400_000), pattern(400_000, index + 1));
    }
    lazy.user.socket.resume();
    sameBytes(await lazy.user.read(20_000_000), pattern(20_000_000));
  });

  it("passes half-closes on, and is over without a failure when both sides have", async () => {
    const { client, server } = await pair();
    const { user, service } = await joined(client);
    user.write(ascii("question"));
    await user.end();
    sameBytes(await service.read(8), ascii("question"));
    assert.equal(await service.ending(), "end");
    service.write(ascii("answer"));
    await service.end();
    sameBytes(await user.read(6), ascii("answer"));
    assert.equal(await user.ending(), "end");
    await Promise.all([client.allClosed(1), server.allClosed(1)]);
    assert.deepEqual([client.failures, server.failures], [[], []]);
    assert.deepEqual([client.forwarder.connections.size, server.forwarder.connections.size], [0, 0]);
  });

  it("passes a half-close on that came with no data", async () => {
    const { client } = await pair();
    const user = await connectTo(scope, client);
    await user.end();
    assert.equal(await (await backend.accept()).ending(), "end");
  });

  it("passes a backend's reset on as one, after what came before", async () => {
    const { client } = await pair();
    const { user, service } = await joined(client);
    service.write(ascii("last words"));
    sameBytes(await user.read(10), ascii("last words"));
    service.socket.resetAndDestroy();
    assert.equal(await user.ending(), "reset");
    assert.deepEqual(client.failures, ["TRUNCATED"]);
  });

  it("passes a client's reset on as one", async () => {
    const { client, server } = await pair();
    const { user, service } = await joined(client);
    user.socket.resetAndDestroy();
    assert.equal(await service.ending(), "reset");
    await Promise.all([client.allClosed(1), server.allClosed(1)]);
    const next = await joined(client);
    next.user.write(ascii("still there"));
    sameBytes(await next.service.read(11), ascii("still there"));
  });

  it("resets every stream when the connection is cut, never ends one, and makes another connection for the next user", async () => {
    const port = await closedPort();
    const server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto" });
    const relay = net.createServer((near) => {
      const far = net.connect(server.port, "127.0.0.1");
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on("error", () => {});
      scope.own(near, (socket) => socket.destroy());
      relay.once("cut", () => {
        near.resetAndDestroy();
        far.resetAndDestroy();
      });
    });
    scope.own(relay, (open) => open.close());
    await new Promise<void>((resolve) => relay.listen(port, "127.0.0.1", resolve));
    const client = await startEnd(scope, { role: "client", target: port, wire: "auto" });
    const users = [await joined(client), await joined(client)];
    relay.emit("cut");
    for (const { user, service } of users) assert.deepEqual([await user.ending(), await service.ending()], ["reset", "reset"]);
    assert.deepEqual([...new Set(client.failures)], ["TRUNCATED"]);
    const next = await joined(client);
    next.user.write(ascii("again"));
    sameBytes(await next.service.read(5), ascii("again"));
  });

  it("says for certain that the backend refuses, with its address, and the client is reset", async () => {
    const nobody = await closedPort();
    const server = await startEnd(scope, { role: "server", target: nobody, wire: "auto" });
    const client = await startEnd(scope, { role: "client", target: server.port, wire: "auto" });
    for (let index = 1; index <= 2; index++) {
      const user = await connectTo(scope, client);
      user.write(ascii("hello"));
      assert.equal(await user.ending(), "reset");
      assert.equal(await client.failure(index), "BACKEND_DOWN");
      assert.equal(await server.failure(index), "CONNECT_REFUSED");
    }
    const [failure] = client.events.flatMap((event) => (event.type === "failure" ? [event.error.message] : []));
    assert.equal(failure, `the far end says that its backend 127.0.0.1:${nobody} refuses connections: nothing listens there`);
    assert.ok(client.stats.keyVerifiedAtMs !== undefined);
  });

  it("counts streams towards maxConnections, and says so at the client's end", async () => {
    const server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", maxConnections: 2 });
    const client = await startEnd(scope, { role: "client", target: server.port, wire: "auto" });
    const first = await joined(client);
    await joined(client);
    const third = await connectTo(scope, client);
    third.write(ascii("hello"));
    assert.equal(await third.ending(), "reset");
    assert.deepEqual([await client.failure(), await server.failure()], ["LIMIT_REACHED", "LIMIT_REACHED"]);
    await Promise.all([first.user.end(), first.service.end()]);
    await server.allClosed(2);
    await joined(client);
  });

  it("goes on with a spiped at the other end, each connection its own, in either place", async () => {
    for (const wires of [
      ["auto", "spiped"],
      ["spiped", "auto"],
    ] as const) {
      const server = await startEnd(scope, { role: "server", target: backend.port, wire: wires[1] });
      const client = await startEnd(scope, { role: "client", target: server.port, wire: wires[0] });
      await joined(client);
      await joined(client);
      assert.equal(await socketsOf(server), 2);
      assert.deepEqual([client.stats.wire, server.stats.wire], ["spiped", "spiped"]);
    }
  });

  it("refuses the other wire where the entry takes the native one alone, at either end", async () => {
    for (const wires of [
      ["native", "spiped"],
      ["spiped", "native"],
    ] as const) {
      const server = await startEnd(scope, { role: "server", target: backend.port, wire: wires[1] });
      const client = await startEnd(scope, { role: "client", target: server.port, wire: wires[0] });
      const user = await connectTo(scope, client);
      user.write(ascii("hello"));
      await user.ending();
      assert.equal(await (wires[0] === "native" ? client : server).failure(), "WIRE_REFUSED");
    }
    assert.equal(backend.peers.length, 0);
  });

  it("ends a session once its key is gone: streams that are open go on, new ones are not taken", async () => {
    const { client, server } = await pair();
    const { user, service } = await joined(client);
    server.reroute([makeRoute(scope, { role: "server", target: backend.port, wire: "auto", keys: ["two"] })]);
    user.write(ascii("still"));
    sameBytes(await service.read(5), ascii("still"));
    const late = await connectTo(scope, client);
    late.write(ascii("late"));
    await late.ending();
    assert.equal(backend.peers.length, 1);
  });

  it("drains: open streams end by themselves, nobody new is served", async () => {
    const { client, server } = await pair();
    const { user, service } = await joined(client);
    const drained = server.forwarder.drain();
    user.write(ascii("goes on"));
    sameBytes(await service.read(7), ascii("goes on"));
    await Promise.all([user.end(), service.end()]);
    await drained;
    assert.equal(server.forwarder.connections.size, 0);
  });
});
