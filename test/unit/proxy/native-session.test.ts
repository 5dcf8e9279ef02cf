/** Sessions of the native wire that outlive their connection: how each cut is noticed, what goes on, what is lost and said. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, makeRoute, startEnd } from "../../support/wire/ends.ts";
import { type CutHow, Network, startNetwork } from "../../support/wire/network.ts";
import { type Backend, connectTo, type Joined, join, speaks, startBackend } from "../../support/wire/peer.ts";

const KEEPS_MS = 60_000;

describe("a session whose connection is cut", () => {
  const scope = stageForEach();
  let backend: Backend;
  let server: End;
  let network: Network;
  let client: End;

  async function start(more: { readonly client?: object; readonly server?: object } = {}): Promise<void> {
    backend = await startBackend(scope);
    server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", keepsMs: KEEPS_MS, ...more.server });
    network = await startNetwork(scope, server.port);
    client = await startEnd(scope, { role: "client", target: network.port, wire: "auto", keepsMs: KEEPS_MS, ...more.client });
  }

  const joined = (): Promise<Joined> => join(scope, client, backend);

  for (const how of ["end", "reset", "client only"] satisfies CutHow[])
    it(`goes on after each of five cuts that are seen: ${how}`, async () => {
      await start();
      const [one, other] = [await joined(), await joined()];
      for (let round = 1; round <= 5; round++) {
        one.user.write(pattern(200_000, round));
        network.cut(how);
        sameBytes(await one.service.read(200_000), pattern(200_000, round), "what was on its way");
        await speaks(other, round * 10);
        await speaks(one, round * 20);
      }
      assert.deepEqual([client.failures, server.failures], [[], []]);
      assert.equal(network.made, 6);
      assert.equal(client.stats.sessions.resumed, 5);
      assert.deepEqual({ ...server.stats.sessions }, { open: 1, waiting: 0, resumed: 5, gone: 0 });
      assert.deepEqual([client.stats.total, server.stats.total], [2, 2]);
    });

  it("goes on with megabytes each way, cut again and again", async () => {
    await start();
    const pair = await joined();
    const [up, down] = [pattern(4_000_000, 1), pattern(4_000_000, 2)];
    pair.user.write(up);
    pair.service.write(down);
    const done = Promise.all([pair.service.read(up.length), pair.user.read(down.length)]);
    let isDone = false;
    void done.then(() => {
      isDone = true;
    });
    const hows = ["end", "reset", "client only"] as const;
    for (let index = 0; !isDone && index < 30; index++) {
      const before = network.made;
      network.cut(hows[index % hows.length] as CutHow);
      await until(() => isDone || network.made > before, { what: "another connection" });
    }
    const [gotUp, gotDown] = await done;
    sameBytes(gotUp, up, "upstream");
    sameBytes(gotDown, down, "downstream");
    assert.deepEqual(client.failures, []);
    // Cut in the middle of a handshake.
    assert.deepEqual(
      [...new Set(server.failures)].filter((code) => code !== "PEER_CLOSED"),
      [],
    );
  });

  for (const how of ["server only", "silence"] satisfies CutHow[])
    it(`is asked by a new connection after a silence, and goes on without waiting for the old one to be given up: ${how}`, async function () {
      this.timeout(0);
      await start();
      const before = await joined();
      network.cut(how);
      const newcomer = await joined();
      await speaks(newcomer, 1);
      await speaks(before, 2);
      assert.deepEqual([client.failures, server.failures], [[], []]);
      assert.ok(network.made >= 2);
    });

  it("is found dead without anybody's help", async function () {
    this.timeout(0);
    await start();
    const before = await joined();
    network.cut("silence");
    before.service.write(ascii("lost at first"));
    sameBytes(await before.user.read(13), ascii("lost at first"));
    assert.deepEqual([client.failures, server.failures], [[], []]);
    assert.ok(network.made >= 2);
  });

  it("lets newcomers wait, and serves them on the session", async () => {
    await start();
    const before = await joined();
    network.blackHole(true);
    network.cut("reset");
    await until(() => client.stats.sessions.waiting === 1, { what: "the cut was noticed" });
    const user = await connectTo(scope, client);
    user.write(ascii("hello"));
    await until(() => network.made > 1, { what: "it tries" });
    network.blackHole(false);
    network.cut("reset");
    sameBytes(await (await backend.accept()).read(5), ascii("hello"));
    await speaks(before, 1);
    assert.equal(client.stats.handshake.count, 1);
  });

  it("refuses newcomers with the reason once their time is over", async () => {
    await start({ client: { timeoutMs: 300 } });
    await joined();
    network.close();
    network.cut("reset");
    const user = await connectTo(scope, client);
    assert.equal(await user.ending(), "end");
    assert.equal(await client.failure(), "CONNECT_REFUSED");
  });

  it("resets its connections, and ends none, when the far end does not know it any more", async () => {
    await start();
    const { user, service } = await joined();
    const port = server.port;
    server.forwarder.close();
    await until(() => client.stats.sessions.open === 0, { what: "the far end said its last word" });
    assert.deepEqual([await user.ending(), await service.ending()], ["reset", "reset"]);
    assert.notEqual(port, 0);
  });

  it("resets its connections when another process answers, and serves the next one there", async () => {
    await start();
    const { user } = await joined();
    const other = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", keepsMs: KEEPS_MS });
    network.leadTo(other.port);
    network.cut("reset");
    assert.equal(await user.ending(), "reset");
    assert.deepEqual([...new Set(client.failures)], ["TRUNCATED"]);
    assert.equal(client.stats.sessions.gone, 1);
    await speaks(await joined(), 1);
    assert.equal(network.made, 2, "the connection that was refused the session serves a new one");
  });

  it("is given up by both ends after the shorter time of the two", async () => {
    await start({ server: { keepsMs: 300 } });
    const { user, service } = await joined();
    network.close();
    network.cut("reset");
    assert.deepEqual([await user.ending(), await service.ending()], ["reset", "reset"]);
    assert.deepEqual([client.stats.sessions.gone, server.stats.sessions.gone], [1, 1]);
    assert.deepEqual([client.stats.sessions.open, server.stats.sessions.open, client.stats.sessions.waiting, server.stats.sessions.waiting], [0, 0, 0, 0]);
  });

  for (const side of ["client", "server"] as const)
    it(`ends with its connection where the ${side}'s end keeps none`, async () => {
      await start({ [side]: { keepsMs: 0 } });
      const { user, service } = await joined();
      network.cut("reset");
      assert.deepEqual([await user.ending(), await service.ending()], ["reset", "reset"]);
      await speaks(await joined(), 1);
    });

  it("is given up when the far end speaks only spiped's wire now", async () => {
    await start();
    const { user } = await joined();
    const other = await startEnd(scope, { role: "server", target: backend.port, wire: "spiped" });
    network.leadTo(other.port);
    network.cut("reset");
    assert.equal(await user.ending(), "reset");
    assert.ok(client.failures.includes("WIRE_REFUSED") || client.failures.includes("TRUNCATED"));
    await speaks(await joined(), 1);
    assert.equal(client.stats.wire, "spiped");
  });

  it("ends when its key is removed while it waits", async () => {
    await start();
    const { service } = await joined();
    network.close();
    network.cut("reset");
    await until(() => server.stats.sessions.waiting === 1, { what: "the server noticed" });
    server.reroute([makeRoute(scope, { role: "server", target: backend.port, wire: "auto", keys: ["another"] })]);
    assert.equal(await service.ending(), "reset");
  });

  it("gives way to a newcomer where connections have reached their limit", async () => {
    await start({ server: { maxConnections: 2 } });
    const lost = [await joined(), await joined()];
    network.close();
    network.cut("reset");
    await until(() => server.stats.sessions.waiting === 1, { what: "the server noticed" });
    const other = await startEnd(scope, { role: "client", target: server.port, wire: "auto", keepsMs: KEEPS_MS });
    const user = await connectTo(scope, other);
    user.write(ascii("hello"));
    sameBytes(await (await backend.accept()).read(5), ascii("hello"));
    for (const { service } of lost) assert.equal(await service.ending(), "reset");
  });

  it("finds its far end at another address, once its name leads there", async () => {
    backend = await startBackend(scope);
    server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", keepsMs: KEEPS_MS });
    network = await startNetwork(scope, server.port);
    let address = "127.0.0.1";
    const target = { kind: "tcp", host: "far.example", port: network.port } as const;
    client = await startEnd(scope, { role: "client", target, wire: "auto", keepsMs: KEEPS_MS, lookup: () => Promise.resolve([address]) });
    const pair = await joined();
    // The relay is gone, and another one has taken its place elsewhere, at the same port.
    const { port } = network;
    network.close();
    network.cut("reset");
    const other = scope.own(new Network(server.port), (open) => open.close());
    await other.listen(port, "127.0.0.2");
    address = "127.0.0.2";
    await speaks(pair, 1);
    assert.deepEqual([client.failures, other.made], [[], 1]);
  });

  it("is asked at once after the machine has slept, and goes on at another connection if the old one is dead", async () => {
    await start();
    const pair = await joined();
    network.cut("silence");
    client.routes[0]?.native?.wake();
    await until(() => client.stats.sessions.resumed === 1, { what: "it is back" });
    await speaks(pair, 1);
    assert.deepEqual([client.failures, server.failures], [[], []]);
  });

  it("stays where it is when the machine wakes and its connection is alive", async () => {
    await start();
    const pair = await joined();
    client.routes[0]?.native?.wake();
    await speaks(pair, 1);
    assert.deepEqual([network.made, client.stats.sessions.resumed], [1, 0]);
  });

  it("is given up when it waits at a far end that stops listening, and when it loses its connection after that", async () => {
    await start();
    const [one, other] = [await joined(), await joined()];
    void server.forwarder.drain();
    await speaks(one, 1);
    network.cut("reset");
    assert.deepEqual([await other.service.ending(), await one.service.ending()], ["reset", "reset"]);
    assert.equal(server.stats.sessions.open, 0);
  });

  it("goes on at a client's end that drains, to the end of its connections", async () => {
    await start();
    const pair = await joined();
    const drained = client.forwarder.drain();
    network.cut("reset");
    await speaks(pair, 1);
    await pair.user.end();
    assert.equal(await pair.service.ending(), "end");
    await pair.service.end();
    await drained;
  });

  it("tells what happened, once each", async () => {
    await start();
    await joined();
    for (let round = 1; round <= 2; round++) {
      network.cut("reset");
      await until(() => client.stats.sessions.resumed === round && server.stats.sessions.resumed === round, { what: "it is back" });
    }
    assert.deepEqual(server.sessionNews, ["cut", "back", "cut", "back"]);
  });

  it("carries half-closes and resets that happened meanwhile", async () => {
    await start();
    const [ended, reset, answered] = [await joined(), await joined(), await joined()];
    network.blackHole(true);
    network.cut("reset");
    await until(() => client.stats.sessions.waiting === 1, { what: "the cut was noticed" });
    await ended.user.end();
    reset.user.socket.resetAndDestroy();
    answered.service.write(ascii("answer"));
    await answered.service.end();
    network.blackHole(false);
    network.cut("reset");
    assert.deepEqual([await ended.service.ending(), await reset.service.ending()], ["end", "reset"]);
    sameBytes(await answered.user.read(6), ascii("answer"));
    assert.equal(await answered.user.ending(), "end");
  });

  it("keeps no more than its bounds of what an application sends meanwhile, and goes on with it", async function () {
    this.timeout(0);
    await start({ client: { timeoutMs: 200 } });
    const { user, service } = await joined();
    network.blackHole(true);
    network.cut("reset");
    await until(() => client.stats.sessions.waiting === 1, { what: "the cut was noticed" });
    const bytes = systemRandom(8_000_000);
    user.write(bytes);
    await until(() => network.made > 2, { what: "it tries again and again" });
    assert.ok(user.socket.writableLength > 4_000_000, "the local connection is not read any more");
    network.blackHole(false);
    network.cut("reset");
    sameBytes(await service.read(bytes.length), bytes);
  });
});
