/** A server end against strangers and friends: who causes a dial, who gets an answer, and what a refusal looks like. */
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { stageForEach } from "../../support/stage.ts";
import { ascii, flipBit, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, enter, makeRoute, type SpipedPeer, shakeAsClient, startEnd } from "../../support/wire/ends.ts";
import { done, handshake } from "../../support/wire/handshakes.ts";
import { deferred, turnOfTheLoop } from "../../support/wire/loop.ts";
import { closedPort, connectTo, type Peer, startBackend, temporaryFolder } from "../../support/wire/peer.ts";

/** What a stranger may send, and the code of its failure. */
const STRANGERS: readonly (readonly [string, Uint8Array, string])[] = [
  ["random bytes", pattern(4_000), "KEY_MISMATCH"],
  ["a TLS hello", join(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), pattern(506)), "PLAIN_CLIENT"],
  ["an HTTP request", ascii(`GET / HTTP/1.1\r\nHost: ${"a".repeat(300)}\r\n\r\n`), "PLAIN_CLIENT"],
  ["a Redis command and its end", ascii("*1\r\n$4\r\nPING\r\n"), "PLAIN_CLIENT"],
  ["nothing but the end", new Uint8Array(0), "PEER_CLOSED"],
  ["a nonce and the end", pattern(32), "PEER_CLOSED"],
  ["all of a handshake but its last byte, and the end", pattern(319), "PEER_CLOSED"],
];

describe("a server end", () => {
  const scope = stageForEach();

  /** An open connection, over which the backend has had one byte. */
  async function open(target?: {
    readonly kind: "unix";
    readonly path: string;
  }): Promise<{ readonly end: End; readonly friend: SpipedPeer; readonly service: Peer }> {
    const backend = await startBackend(scope, target);
    const end = await startEnd(scope, { role: "server", target: target ?? backend.port });
    const friend = await enter(scope, end);
    friend.send(ascii("x"));
    const service = await backend.accept();
    await service.read(1);
    return { end, friend, service };
  }

  for (const [what, bytes, code] of STRANGERS) {
    it(`answers ${what} with its nonce alone, causes no dial and says ${code}`, async () => {
      const backend = await startBackend(scope);
      const end = await startEnd(scope, { role: "server", target: backend.port });
      const stranger = await connectTo(scope, end);
      stranger.write(bytes);
      if (bytes.length < 320) await stranger.end();
      await stranger.ending();
      assert.ok(stranger.unread.length <= 32);
      await end.allClosed(1);
      assert.deepEqual([end.failures, end.stats.total], [[code], 0]);
      // A friend's connection is the only one the backend has seen.
      await (await enter(scope, end)).peer.end();
      await backend.accept();
      assert.equal(backend.peers.length, 1);
    });
  }

  it("causes no dial for a whole handshake under another key", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    const stranger = await connectTo(scope, end);
    await assert.rejects(shakeAsClient(stranger, "two"));
    assert.equal(await end.failure(), "KEY_MISMATCH");
    await enter(scope, end);
    await backend.accept();
    assert.equal(backend.peers.length, 1);
  });

  it("dials once a proof is complete, not while its last byte is missing", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    const friend = await connectTo(scope, end);
    const client = handshake("client", { forwardSecrecy: "off" });
    friend.write(client.start());
    const c4 = client.receive(await friend.read(32)).send ?? assert.fail("no C4");
    friend.write(c4.slice(0, 287));
    await enter(scope, end);
    await backend.accept();
    assert.equal(backend.peers.length, 1, "the other friend's");
    friend.write(c4.slice(287));
    await backend.accept();
    assert.equal(backend.peers.length, 2);
  });

  it("refuses a client without forward secrecy when it requires it, and dials nothing", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port, forwardSecrecy: "require" });
    await assert.rejects(enter(scope, end));
    assert.equal(await end.failure(), "FORWARD_SECRECY_REFUSED");
    await end.allClosed(1);
    assert.equal(backend.peers.length, 0);
  });

  it("sends S5 and then a reset when its dial fails", async () => {
    const end = await startEnd(scope, { role: "server", target: await closedPort() });
    const friend = await enter(scope, end);
    assert.equal(await friend.peer.ending(), "reset");
    assert.equal(friend.peer.unread.length, 0);
    assert.equal(await end.failure(), "CONNECT_REFUSED");
    assert.equal(end.stats.failures.get("CONNECT_REFUSED"), 1);
  });

  it("sends S5 and then a reset when its dial fails and the client has sent data, which is lost", async () => {
    const answer = deferred<readonly string[]>();
    const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "backend", port: 1 }, lookup: () => answer.promise });
    const friend = await enter(scope, end);
    friend.send(pattern(200_000));
    answer.reject(new Error("SERVFAIL"));
    assert.equal(await friend.peer.ending(), "reset");
    assert.equal(await end.failure(), "DNS_FAILED");
  });

  it("sends S5 and then a reset when its dial fails and the client has half-closed: no answer is not an empty answer", async () => {
    const answer = deferred<readonly string[]>();
    const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "backend", port: 1 }, lookup: () => answer.promise });
    const friend = await enter(scope, end);
    await friend.peer.end();
    answer.reject(new Error("SERVFAIL"));
    assert.equal(await friend.peer.ending(), "reset");
  });

  it("has nothing open after a failed dial", async () => {
    const end = await startEnd(scope, { role: "server", target: await closedPort() });
    const friend = await enter(scope, end);
    await friend.peer.ending();
    await end.allClosed(1);
    assert.deepEqual([end.stats.open, end.stats.opening, end.forwarder.connections.size], [0, 0, 0]);
  });

  it("carries data that came together with C4", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    const peer = await connectTo(scope, end);
    const client = handshake("client", { forwardSecrecy: "off" });
    peer.write(client.start());
    const nonce = await peer.read(32);
    const c4 = client.receive(nonce).send ?? assert.fail("no C4");
    // A weak client's keys follow from K and the nonces, so a stand-in with the server's nonce can give it S5 beforehand.
    const standIn = handshake("server", { random: () => nonce.slice(), forwardSecrecy: "off" });
    const s5 = done(standIn.receive(join(client.start(), c4))).send ?? assert.fail("no S5");
    peer.write(join(c4, done(client.receive(s5)).channel.seal(ascii("at once"))));
    sameBytes(await (await backend.accept()).read(7), ascii("at once"));
    assert.equal(end.stats.wireInBytes, 320 + 1060);
  });

  it("passes on a half-close that comes while it dials", async () => {
    const backend = await startBackend(scope);
    const answer = deferred<readonly string[]>();
    const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "backend", port: backend.port }, lookup: () => answer.promise });
    const friend = await enter(scope, end);
    await friend.peer.end();
    // Another connection has come and gone meanwhile, so the end has seen that one's FIN.
    const other = await connectTo(scope, end);
    await other.end();
    await end.allClosed(1);
    await turnOfTheLoop();
    answer.resolve(["127.0.0.1"]);
    const service = await backend.accept();
    assert.equal(await service.ending(), "end");
  });

  it("carries data that was sent while it dials, then the half-close", async () => {
    const backend = await startBackend(scope);
    const answer = deferred<readonly string[]>();
    const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "backend", port: backend.port }, lookup: () => answer.promise });
    const friend = await enter(scope, end);
    friend.send(pattern(100_000));
    await friend.peer.end();
    const other = await connectTo(scope, end);
    await other.end();
    await end.allClosed(1);
    answer.resolve(["127.0.0.1"]);
    const service = await backend.accept();
    sameBytes(await service.read(100_000), pattern(100_000));
    assert.equal(await service.ending(), "end");
  });

  it("resets its backend when a packet in mid-stream is invalid", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    const friend = await enter(scope, end);
    friend.send(ascii("good"));
    const service = await backend.accept();
    sameBytes(await service.read(4), ascii("good"));
    friend.peer.write(flipBit(friend.channel.seal(ascii("bad")), 3));
    assert.equal(await service.ending(), "reset");
    assert.equal(await end.failure(), "RECORD_INVALID");
    assert.equal(service.unread.length, 0);
  });

  it("says TRUNCATED and resets its backend and its peer when the stream was cut in a packet, after it has passed the whole packets on", async () => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    const friend = await enter(scope, end);
    friend.peer.write(join(friend.channel.seal(ascii("whole")), friend.channel.seal(ascii("cut")).slice(0, 500)));
    await friend.peer.end();
    const service = await backend.accept();
    sameBytes(await service.read(5), ascii("whole"));
    assert.equal(await service.ending(), "reset");
    assert.equal(await friend.peer.ending(), "reset");
    assert.equal(service.unread.length, 0);
    assert.equal(end.stats.failures.get("TRUNCATED"), 1);
  });

  it("resets its peer when its backend resets after data", async () => {
    const { friend, service } = await open();
    service.write(ascii("half"));
    sameBytes(await friend.receive(), ascii("half"));
    service.socket.resetAndDestroy();
    assert.equal(await friend.peer.ending(), "reset");
  });

  it("resets its peer after the last words of a backend that closes with unread input", async () => {
    const { end, friend, service } = await open();
    service.socket.pause();
    friend.send(pattern(200_000));
    // More than Node reads from a paused socket.
    while (end.stats.plainInBytes < 200_000) await turnOfTheLoop();
    service.socket.write(ascii("too many connections"), () => service.socket.destroy());
    sameBytes(await friend.receive(), ascii("too many connections"));
    assert.equal(await friend.peer.ending(), "reset");
  });

  it("passes on a real end, though its backend resets after it", async () => {
    const { friend, service } = await open();
    service.write(ascii("all"));
    await service.end();
    sameBytes(await friend.receive(), ascii("all"));
    assert.equal(await friend.peer.ending(), "end");
    service.socket.resetAndDestroy();
    // Data that is sent now has no reader.
    const closed = new Promise((resolve) => friend.peer.socket.once("close", resolve));
    const send = (): void => {
      if (friend.peer.socket.destroyed) return;
      friend.send(ascii("x"));
      setImmediate(send);
    };
    send();
    await closed;
  });

  it("resets both sides when it is closed while a connection is open", async () => {
    const { end, friend, service } = await open();
    service.write(ascii("half"));
    await friend.receive();
    end.forwarder.close();
    assert.deepEqual([await service.ending(), await friend.peer.ending()], ["reset", "reset"]);
  });

  it("resets its peer when it is closed before its backend has answered the dial", async () => {
    const end = await startEnd(scope, { role: "server", target: { kind: "tcp", host: "slow", port: 1 }, lookup: () => new Promise(() => {}) });
    const friend = await enter(scope, end);
    end.forwarder.close();
    assert.equal(await friend.peer.ending(), "reset");
  });

  it("resets its peer after the last words of a backend that closes while it is written to", async () => {
    const { friend, service } = await open();
    service.socket.write("no more", () => service.socket.resetAndDestroy());
    // Each turn writes to the backend before it reads what the backend has said.
    const send = (): void => {
      if (friend.peer.socket.destroyed || friend.peer.unread.length > 0) return;
      friend.send(ascii("more"));
      setImmediate(send);
    };
    send();
    sameBytes(await friend.receive(), ascii("no more"));
    assert.equal(await friend.peer.ending(), "reset");
  });

  it("resets its peer after the answer of a backend at a unix socket that closes with unread input", async () => {
    const { friend, service } = await open({ kind: "unix", path: joinPath(temporaryFolder(scope), "s") });
    service.socket.pause();
    friend.send(ascii("unread"));
    service.socket.write(ascii("answer"), () => service.socket.destroy());
    sameBytes(await friend.receive(), ascii("answer"));
    assert.equal(await friend.peer.ending(), "reset");
  });
});

describe("a server end with several routes", () => {
  const scope = stageForEach();

  it("sends each key's holder to the backend of that key", async () => {
    const backends = [await startBackend(scope), await startBackend(scope)];
    const keys = [["one", "one-next-year"], ["two"]];
    const routes = backends.map((backend, index) => makeRoute(scope, { role: "server", target: backend.port, keys: keys[index] ?? [] }, `route ${index}`));
    const end = await startEnd(scope, { role: "server", target: 0 }, routes);
    for (const [key, index] of [["two", 1] as const, ["one-next-year", 0] as const, ["one", 0] as const]) {
      const friend = await enter(scope, end, key);
      friend.send(ascii(key));
      const service = await backends[index]?.accept();
      sameBytes((await service?.read(key.length)) ?? pattern(0), ascii(key));
    }
    assert.deepEqual(
      routes.map((route) => route.stats.total),
      [2, 1],
    );
  });

  it("refuses a key that belongs to none of the routes", async () => {
    const routes = ["one", "two"].map((key) => makeRoute(scope, { role: "server", target: 1, keys: [key] }, key));
    const end = await startEnd(scope, { role: "server", target: 0 }, routes);
    await assert.rejects(enter(scope, end, "three"));
    assert.equal(await end.failure(), "KEY_MISMATCH");
    assert.deepEqual(
      routes.map((route) => route.stats.total),
      [0, 0],
    );
  });
});
