/** Draining and closing: what goes on, what ends, and that nothing is left behind from any phase. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import type { Phase } from "../../../daemon/proxy/connection.ts";
import { stageForEach } from "../../support/stage.ts";
import { BLACK_HOLE, watchConnects } from "../../support/wire/black-hole.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { type End, enter, local, startEnd, startPair } from "../../support/wire/ends.ts";
import { liveTimers, turnOfTheLoop } from "../../support/wire/loop.ts";
import { closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

const isRefused = async (port: number): Promise<boolean> => {
  const probe = net.connect(port, "127.0.0.1");
  const refused = await Promise.race([once(probe, "connect").then(() => false), new Promise<boolean>((resolve) => probe.once("error", () => resolve(true)))]);
  probe.destroy();
  return refused;
};

const phases = (end: End): readonly Phase[] => [...end.forwarder.connections].map((connection) => connection.phase);

describe("drain", () => {
  const scope = stageForEach();

  it("lets live connections go on and resolves when the last one has ended", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    let isDrained = false;
    const drained = client.forwarder.drain().then(() => {
      isDrained = true;
    });
    user.write(ascii("still here"));
    sameBytes(await service.read(10), ascii("still here"));
    service.write(ascii("x"));
    await user.read(1);
    assert.equal(isDrained, false);
    await Promise.all([user.end(), service.end()]);
    await drained;
    assert.equal(client.forwarder.connections.size, 0);
  });

  it("resolves at once when there is no connection", async () => {
    const end = await startEnd(scope, { role: "client", target: 1 });
    const { port } = end;
    await end.forwarder.drain();
    assert.equal(await isRefused(port), true);
  });

  it("closes the port at once", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    await connectTo(scope, client);
    await backend.accept();
    const { port } = client;
    const drained = client.forwarder.drain();
    assert.equal(await isRefused(port), true);
    client.forwarder.close();
    await drained;
  });

  it("gives the port up at once, so that a successor can have it, while a connection goes on", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    const drained = client.forwarder.drain();
    await startBackend(scope, { port: client.port });
    user.write(ascii("x"));
    sameBytes(await service.read(1), ascii("x"));
    await Promise.all([user.end(), service.end()]);
    await drained;
  });

  it("resets clients that wait for a slot, so that they try again at once", async () => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port, maxConnections: 1, limitPolicy: "wait" });
    await connectTo(scope, end);
    await far.accept();
    const waiting = await connectTo(scope, end);
    await end.until(() => end.forwarder.waiting === 1);
    const drained = end.forwarder.drain();
    assert.deepEqual([await waiting.ending(), end.forwarder.waiting, end.forwarder.connections.size], ["reset", 0, 1]);
    end.forwarder.close();
    await drained;
  });

  it("may be called twice", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    const drained = Promise.all([client.forwarder.drain(), client.forwarder.drain()]);
    await Promise.all([user.end(), service.end()]);
    await drained;
    assert.equal(client.forwarder.connections.size, 0);
  });
});

describe("close", () => {
  const scope = stageForEach();

  it("ends live connections, at both of their ends", async () => {
    const backend = await startBackend(scope);
    const { client } = await startPair(scope, backend.port);
    const user = await connectTo(scope, client);
    const service = await backend.accept();
    client.forwarder.close();
    await Promise.all([user.ending(), service.ending()]);
    assert.deepEqual([client.forwarder.connections.size, client.failures], [0, []]);
  });

  it("ends clients that wait", async () => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port, maxConnections: 1, limitPolicy: "wait" });
    await connectTo(scope, end);
    await far.accept();
    const waiting = await connectTo(scope, end);
    await end.until(() => end.forwarder.waiting === 1);
    end.forwarder.close();
    await waiting.ending();
    assert.equal(end.forwarder.waiting, 0);
  });

  it("reports each connection as cancelled, once", async () => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port });
    await connectTo(scope, end);
    await far.accept();
    end.forwarder.close();
    end.forwarder.close();
    const reasons = end.events.flatMap((event) => (event.type === "closed" ? [event.reason.kind] : []));
    assert.deepEqual(reasons, ["cancelled"]);
  });

  /** Brings a connection into each phase. */
  const SCENES: Readonly<Record<string, { readonly phase: Phase; readonly enter: () => Promise<End> }>> = {
    "a client end that looks a name up": {
      phase: "dialling",
      enter: async () => {
        const end = await startEnd(scope, { role: "client", target: { kind: "tcp", host: "slow", port: 1 }, lookup: () => new Promise(() => {}) });
        await connectTo(scope, end);
        return end;
      },
    },
    "a client end that dials": {
      phase: "dialling",
      enter: async () => {
        const end = await startEnd(scope, { role: "client", target: { kind: "tcp", host: BLACK_HOLE, port: 1 } });
        const user = await connectTo(scope, end);
        watchConnects(scope);
        user.write(ascii("x"));
        return end;
      },
    },
    "a client end that shakes hands": {
      phase: "handshaking",
      enter: async () => {
        const far = await startBackend(scope);
        const end = await startEnd(scope, { role: "client", target: far.port });
        await connectTo(scope, end);
        await (await far.accept()).read(32);
        return end;
      },
    },
    "a server end that shakes hands": {
      phase: "handshaking",
      enter: async () => {
        const end = await startEnd(scope, { role: "server", target: 1 });
        await (await connectTo(scope, end)).read(32);
        return end;
      },
    },
    "a server end that looks a name up": {
      phase: "dialling",
      enter: async () => {
        const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "slow", port: 1 }, lookup: () => new Promise(() => {}) });
        await enter(scope, end);
        return end;
      },
    },
    "a server end that refuses": {
      phase: "refusing",
      enter: async () => {
        const end = await startEnd(scope, { role: "server", target: await closedPort() });
        await enter(scope, end);
        await end.failure();
        return end;
      },
    },
    "a server end with an open connection": {
      phase: "open",
      enter: async () => {
        const backend = await startBackend(scope);
        const end = await startEnd(scope, { role: "server", target: local(backend.port) });
        const friend = await enter(scope, end);
        friend.send(ascii("x"));
        await (await backend.accept()).read(1);
        return end;
      },
    },
  };

  for (const [what, scene] of Object.entries(SCENES)) {
    it(`leaves no timer and no count behind from ${what}`, async () => {
      const before = await liveTimers();
      const end = await scene.enter();
      while (end.forwarder.connections.size === 0) await turnOfTheLoop();
      assert.deepEqual(phases(end), [scene.phase]);
      end.forwarder.close();
      assert.deepEqual([end.closed, end.stats.open, end.stats.opening], [1, 0, 0]);
      assert.equal(await liveTimers(), before);
    });
  }
});
