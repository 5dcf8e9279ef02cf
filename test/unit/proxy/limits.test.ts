/** Connection limits of both policies, the budget of handshakes, and time limits. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { handshakeBudget, MAX_WAITING } from "../../../daemon/proxy/admission.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, enter, shakeAsClient, startEnd } from "../../support/wire/ends.ts";
import { handshake } from "../../support/wire/handshakes.ts";
import { deferred, turnOfTheLoop } from "../../support/wire/loop.ts";
import { closedPort, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

describe("the limit under the policy refuse", () => {
  const scope = stageForEach();

  it("closes a connection over the limit right after S5, with LIMIT_REACHED and no dial", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    const first = await enter(scope, end);
    first.send(ascii("x"));
    await (await backend.accept()).read(1);
    const second = await enter(scope, end);
    assert.equal(await second.peer.ending(), "end");
    assert.deepEqual(end.failures, ["LIMIT_REACHED"]);
    assert.equal(end.stats.failures.get("LIMIT_REACHED"), 1);
    assert.equal(backend.peers.length, 1);
  });

  it("has room again when a connection has ended", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    const first = await enter(scope, end);
    await first.peer.end();
    await (await backend.accept()).end();
    await end.allClosed(1);
    const second = await enter(scope, end);
    second.send(ascii("y"));
    sameBytes(await (await backend.accept()).read(1), ascii("y"));
  });

  it("does not count handshakes towards it", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    for (let silent = 0; silent < 5; silent++) await (await connectTo(scope, end)).read(32);
    const friend = await enter(scope, end);
    friend.send(ascii("x"));
    sameBytes(await (await backend.accept()).read(1), ascii("x"));
  });

  it("turns a plain client away at a client end", async () => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port, maxConnections: 1 });
    await connectTo(scope, end);
    await far.accept();
    const second = await connectTo(scope, end);
    await second.ending();
    assert.deepEqual(end.failures, ["LIMIT_REACHED"]);
    assert.equal(end.stats.failures.get("LIMIT_REACHED"), 1);
    assert.equal(end.events.filter((event) => event.type === "limit-reached").length, 1);
  });
});

describe("the budget of handshakes", () => {
  const scope = stageForEach();
  const BUDGET = handshakeBudget(1);

  /** They come one after the other, and each gets a nonce, so the end has accepted it. */
  async function silentStrangers(end: End, { count, from }: { readonly count: number; readonly from: (index: number) => string }): Promise<Peer[]> {
    const strangers: Peer[] = [];
    for (let index = 0; index < count; index++) {
      const stranger = await connectTo(scope, { port: end.port, from: from(index) });
      strangers.push(stranger);
      await stranger.read(32);
    }
    return strangers;
  }

  it("makes one silent stranger give way, and lets a friend in", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    const strangers = await silentStrangers(end, { count: BUDGET, from: () => "127.0.0.1" });
    assert.deepEqual(end.failures, []);
    const friend = await enter(scope, end);
    assert.deepEqual([end.failures, end.forwarder.connections.size], [["LIMIT_REACHED"], BUDGET]);
    await Promise.race(strangers.map((stranger) => stranger.ending()));
    friend.send(ascii("x"));
    sameBytes(await (await backend.accept()).read(1), ascii("x"));
  });

  it("keeps a slow friend while twice as many strangers as the budget allows come from another network", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    await silentStrangers(end, { count: BUDGET, from: () => "127.0.9.1" });
    const friend = await connectTo(scope, end);
    await silentStrangers(end, { count: 2 * BUDGET, from: (index) => `127.0.9.${1 + (index % 200)}` });
    assert.equal(end.failures.length, 2 * BUDGET + 1);
    (await shakeAsClient(friend)).send(ascii("x"));
    sameBytes(await (await backend.accept()).read(1), ascii("x"));
  });

  it("does not touch a friend that has proved its key while its backend keeps it waiting", async () => {
    const backend = await startBackend(scope);
    const target = { kind: "tcp", host: "slow", port: backend.port } as const;
    const { promise: resolved, resolve } = deferred<readonly string[]>();
    const end = await startEnd(scope, { role: "server", target, maxConnections: 1, lookup: () => resolved });
    const friend = await enter(scope, end);
    await silentStrangers(end, { count: BUDGET + 10, from: () => "127.0.0.1" });
    assert.equal(end.failures.length, 10);
    resolve(["127.0.0.1"]);
    friend.send(ascii("x"));
    sameBytes(await (await backend.accept()).read(1), ascii("x"));
  });
});

describe("the limit under the policy wait (spiped's -n)", () => {
  const scope = stageForEach();

  it("leaves a connection over the limit unserved, without dropping it", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1, limitPolicy: "wait" });
    await enter(scope, end);
    const second = await connectTo(scope, end);
    await end.until(() => end.events.some((event) => event.type === "limit-reached"));
    assert.deepEqual([end.forwarder.waiting, end.failures, second.socket.destroyed], [1, [], false]);
    assert.equal(second.unread.length, 0);
  });

  it("serves the waiting connection when a slot frees, with the data it has sent meanwhile", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const end = await startEnd(scope, { role: "client", target: far.port, maxConnections: 1, limitPolicy: "wait" });
    const first = await connectTo(scope, end);
    const service = await backend.accept();
    const second = await connectTo(scope, end);
    second.write(pattern(3_000));
    await end.until(() => end.forwarder.waiting === 1);
    await Promise.all([first.end(), service.end()]);
    sameBytes(await (await backend.accept()).read(3_000), pattern(3_000));
    assert.equal(end.forwarder.waiting, 0);
  });

  it("serves waiting connections in the order they came", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const end = await startEnd(scope, { role: "client", target: far.port, maxConnections: 1, limitPolicy: "wait" });
    const users = [await connectTo(scope, end)];
    const services = [await backend.accept()];
    for (const name of ["b", "c"]) {
      const user = await connectTo(scope, end);
      user.write(ascii(name));
      users.push(user);
    }
    await end.until(() => end.events.some((event) => event.type === "limit-reached"));
    for (const [index, name] of ["b", "c"].entries()) {
      await Promise.all([users[index]?.end(), services[index]?.end()]);
      const service = await backend.accept();
      sameBytes(await service.read(1), ascii(name));
      services.push(service);
    }
  });

  it("notices that a waiting connection has gone away, and forgets it", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1, limitPolicy: "wait" });
    await enter(scope, end);
    const second = await connectTo(scope, end);
    await end.until(() => end.events.some((event) => event.type === "limit-reached"));
    second.socket.resetAndDestroy();
    while (end.forwarder.waiting > 0) await turnOfTheLoop();
  });

  it("gives a newcomer the place of a connection that has ended without sending anything when all places are taken", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1, limitPolicy: "wait" });
    await enter(scope, end);
    const waiting: Peer[] = [];
    for (let count = 0; count < MAX_WAITING; count++) waiting.push(await connectTo(scope, end));
    while (end.forwarder.waiting < MAX_WAITING) await turnOfTheLoop();
    await waiting[3]?.end();
    for (let turn = 0; turn < 3; turn++) await turnOfTheLoop(); // its FIN has been read by then
    const newcomer = await connectTo(scope, end);
    assert.equal(await waiting[3]?.ending(), "end");
    assert.deepEqual([end.forwarder.waiting, end.failures, newcomer.socket.destroyed], [MAX_WAITING, [], false]);
  });

  it("counts handshakes towards it, as spiped does", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1, limitPolicy: "wait" });
    const silent = await connectTo(scope, end);
    await silent.read(32);
    const second = await connectTo(scope, end);
    await end.until(() => end.forwarder.waiting === 1 || end.events.some((event) => event.type === "limit-reached"));
    silent.socket.destroy();
    assert.equal((await second.read(32)).length, 32);
  });
});

describe("time limits", () => {
  const scope = stageForEach();
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  for (const [what, bytes] of [["says nothing", 0] as const, ["stops in its nonce", 10] as const, ["stops before the end of C4", 300] as const]) {
    it(`ends a peer that ${what} when the handshake's time is up`, async () => {
      const backend = await startBackend(scope);
      const end = await startEnd(scope, { role: "server", target: backend.port, timeoutMs: 5_000 });
      const silent = await connectTo(scope, end);
      silent.write(pattern(bytes));
      await silent.read(32);
      mock.timers.tick(4_999);
      assert.deepEqual(end.failures, []);
      mock.timers.tick(1);
      assert.equal(await end.failure(), "HANDSHAKE_TIMEOUT");
      await silent.ending();
    });
  }

  it("lets a peer in whose proof had arrived when the time was up, though it was not read yet", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, timeoutMs: 5_000 });
    const peer = await connectTo(scope, end);
    const client = handshake("client", { forwardSecrecy: "off" });
    const proof = join(client.start(), client.receive(await peer.read(32)).send ?? assert.fail("no C4"));
    // Real timers run at this point of the loop: before sockets are read.
    await turnOfTheLoop();
    peer.write(proof);
    mock.timers.tick(5_000);
    assert.equal((await peer.read(288)).length, 288);
    assert.deepEqual(end.failures, []);
  });

  it("ends a client end's handshake with a silent far side", async () => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port, timeoutMs: 5_000 });
    const user = await connectTo(scope, end);
    await (await far.accept()).read(32);
    mock.timers.tick(5_000);
    assert.equal(await end.failure(), "HANDSHAKE_TIMEOUT");
    await user.ending();
  });

  it("gives a peer over the limit two seconds to close after the FIN, no more", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    await enter(scope, end);
    await backend.accept();
    const second = await enter(scope, end);
    assert.equal(await end.failure(), "LIMIT_REACHED");
    mock.timers.tick(100);
    assert.equal(await second.peer.ending(), "end");
    mock.timers.tick(1_999);
    assert.equal(end.closed, 0);
    mock.timers.tick(1);
    assert.equal(end.closed, 1);
  });

  it("does not count a peer that is just being refused", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, maxConnections: 1 });
    const first = await enter(scope, end);
    const service = await backend.accept();
    await enter(scope, end);
    assert.equal(await end.failure(), "LIMIT_REACHED");
    await Promise.all([first.peer.end(), service.end()]);
    await end.allClosed(1);
    const third = await enter(scope, end);
    third.send(ascii("x"));
    sameBytes(await (await backend.accept()).read(1), ascii("x"));
  });

  it("gives a refused peer that stays silent a moment to read S5, no more", async () => {
    const port = await closedPort();
    const end = await startEnd(scope, { role: "server", target: port, timeoutMs: 5_000 });
    const refused = await enter(scope, end);
    assert.equal(await end.failure(), "CONNECT_REFUSED");
    assert.equal(end.closed, 0);
    mock.timers.tick(99);
    assert.equal(end.closed, 0);
    mock.timers.tick(1);
    assert.equal(end.closed, 1);
    assert.equal(await refused.peer.ending(), "reset");
  });

  it("never ends a connection that is open", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, timeoutMs: 5_000 });
    const friend = await enter(scope, end);
    friend.send(ascii("a"));
    const service = await backend.accept();
    await service.read(1);
    mock.timers.tick(1_000_000);
    service.write(ascii("b"));
    sameBytes(await friend.receive(), ascii("b"));
    assert.deepEqual(end.failures, []);
  });

  it("ends a look-up that takes longer than the time to connect", async () => {
    const end = await startEnd(scope, {
      role: "client",
      target: { kind: "tcp", host: "slow", port: 1 },
      lookup: () => new Promise(() => {}),
      timeoutMs: 5_000,
    });
    const user = await connectTo(scope, end);
    user.write(ascii("x"));
    await end.until(() => end.forwarder.connections.size === 1 || end.failures.length > 0);
    mock.timers.tick(5_000);
    assert.equal(await end.failure(), "DNS_FAILED");
    await user.ending();
  });
});
