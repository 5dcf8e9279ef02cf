/** A client end against far sides that misbehave: what it tells its user, and what its own client sees. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { PROTECTED_MODE } from "../../support/refusals.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, flipBit, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { End, makeRoute, shakeAsServer, startEnd } from "../../support/wire/ends.ts";
import { handshake } from "../../support/wire/handshakes.ts";
import { type Backend, closedPort, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

interface Stage {
  readonly far: Backend;
  readonly end: End;
  readonly user: Peer;
  /** The connection of the client end to the far side. */
  readonly wire: Peer;
}

describe("a client end", () => {
  const scope = stageForEach();

  const stage = async (): Promise<Stage> => {
    const far = await startBackend(scope);
    const end = await startEnd(scope, { role: "client", target: far.port });
    const user = await connectTo(scope, end);
    return { far, end, user, wire: await far.accept() };
  };

  const failsWith = async ({ end, user }: Stage, code: string): Promise<void> => {
    assert.equal(await end.failure(), code);
    await user.ending();
    await end.allClosed(1);
    assert.equal(end.stats.failures.get(end.failures[0] ?? "CONFIG_INVALID"), 1);
    assert.deepEqual([end.stats.open, end.stats.opening], [0, 0]);
  };

  it("says CONNECT_REFUSED when nothing listens there, and closes its client", async () => {
    const end = await startEnd(scope, { role: "client", target: await closedPort() });
    const user = await connectTo(scope, end);
    await user.ending();
    assert.deepEqual(end.failures, ["CONNECT_REFUSED"]);
  });

  it("says DNS_FAILED when the name can't be resolved", async () => {
    const end = await startEnd(scope, {
      role: "client",
      target: { kind: "tcp", host: "nowhere", port: 1 },
      lookup: () => Promise.reject(new Error("ENOTFOUND")),
    });
    const user = await connectTo(scope, end);
    await user.ending();
    assert.deepEqual(end.failures, ["DNS_FAILED"]);
  });

  it("tries the next address of a name when the first refuses", async () => {
    const far = await startBackend(scope);
    const lookup = async (): Promise<readonly string[]> => ["127.0.0.8", "127.0.0.1"];
    const end = await startEnd(scope, { role: "client", target: { kind: "tcp", host: "far", port: far.port }, lookup });
    await connectTo(scope, end);
    assert.equal((await (await far.accept()).read(32)).length, 32);
  });

  it("says CONFIG_INVALID when its target's name stands for its own listener, and does not connect to itself", async () => {
    const port = await closedPort();
    for (const [listen, found] of [
      ["127.0.0.1", ["127.0.0.1"]],
      ["127.0.0.1", ["::1", "127.0.0.1"]],
      ["0.0.0.0", ["127.0.0.9"]],
    ] as const) {
      const options = { role: "client", target: { kind: "tcp", host: "me", port }, lookup: async () => found } as const;
      const end = new End(options, [makeRoute(scope, options)]);
      scope.own(end.forwarder, (forwarder) => forwarder.close());
      await end.forwarder.listen({ address: { kind: "tcp", host: listen, port } });
      await (await connectTo(scope, end)).ending();
      await end.allClosed(1);
      assert.deepEqual([end.failures, end.stats.total], [["CONFIG_INVALID"], 1]);
      assert.match(end.stats.lastFailure?.message ?? "", /"test" would lead to itself: me:\d+ is its own listen address/);
      end.forwarder.close();
    }
  });

  it("leaves its own address out of a name's addresses", async () => {
    const far = await startBackend(scope);
    const options = { role: "client", target: { kind: "tcp", host: "both", port: far.port }, lookup: async () => ["127.0.0.2", "127.0.0.1"] } as const;
    const end = new End(options, [makeRoute(scope, options)]);
    scope.own(end.forwarder, (forwarder) => forwarder.close());
    await end.forwarder.listen({ address: { kind: "tcp", host: "127.0.0.2", port: far.port } });
    const socket = scope.own(net.connect(far.port, "127.0.0.2"), (open) => open.destroy());
    socket.on("error", () => {});
    assert.equal((await (await far.accept()).read(32)).length, 32);
    assert.deepEqual(end.failures, []);
  });

  it("sends its nonce at once, waiting for nothing", async () => {
    const { wire } = await stage();
    assert.equal((await wire.read(32)).length, 32);
  });

  it("reads nothing from its client before the handshake is over", async () => {
    const { user, wire, end } = await stage();
    user.write(pattern(1_000));
    const far = await shakeAsServer(wire);
    sameBytes(await far.receive(), pattern(1_000));
    assert.equal(end.stats.wireOutBytes, 320 + 1060);
  });

  it("says PEER_CLOSED when the far side closes without a byte", async () => {
    const all = await stage();
    await all.wire.end();
    await failsWith(all, "PEER_CLOSED");
  });

  for (const [what, banner, label] of [
    ["an SSH server", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", /is an SSH server \(OpenSSH_9\.2p1\), not spiped/],
    ["an SSH server of few words", "SSH-2.0-dropbear\r\n", /is an SSH server \(dropbear\), not spiped/],
    ["a mail server", "220 mail.example.com ESMTP\r\n", /says "220 mail.example.com ESMTP"/],
    ["a Redis that refuses", PROTECTED_MODE, /is Redis, not spiped/],
    ["a text of exactly a nonce's length", "220 mail.example.com ESMTP here\n", /a text protocol/],
  ] as const)
    it(`says NOT_SPIPED as soon as ${what} has said who it is, and gives it no proof of the key`, async () => {
      const all = await stage();
      all.wire.write(ascii(banner));
      await failsWith(all, "NOT_SPIPED");
      assert.match(all.end.stats.lastFailure?.message ?? "", label);
      assert.doesNotMatch(all.end.stats.lastFailure?.message ?? "", /probably/);
      assert.equal(all.end.stats.wireOutBytes, 32, "the nonce and nothing else");
    });

  it("says NOT_SPIPED when its own nonce comes back, in pieces too", async () => {
    for (const cut of [32, 5]) {
      const all = await stage();
      const nonce = await all.wire.read(32);
      all.wire.write(nonce.slice(0, cut));
      all.wire.write(nonce.slice(cut));
      await failsWith(all, "NOT_SPIPED");
      assert.match(all.end.stats.lastFailure?.message ?? "", /sends back what it gets/);
    }
  });

  it("says NOT_SPIPED, probably, when a few readable bytes come and then the end", async () => {
    const all = await stage();
    all.wire.write(ascii("220 hi\r\n"));
    await all.wire.end();
    await failsWith(all, "NOT_SPIPED");
    assert.match(all.end.stats.lastFailure?.message ?? "", /probably a text protocol/);
  });

  it("says KEY_MISMATCH when the far side closes after C4 and this key never worked there", async () => {
    const all = await stage();
    await assert.rejects(shakeAsServer(all.wire, "two"), { code: "KEY_MISMATCH" });
    await all.wire.end();
    await failsWith(all, "KEY_MISMATCH");
  });

  it("says BACKEND_DOWN when the far side resets after C4", async () => {
    const all = await stage();
    all.wire.write(handshake("server").start());
    await all.wire.read(320);
    all.wire.socket.resetAndDestroy();
    await failsWith(all, "BACKEND_DOWN");
  });

  it("says BACKEND_DOWN when the far side closes after C4 and this key has worked there before", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("x"));
    await all.user.read(1);
    const second = await connectTo(scope, all.end);
    const wire = await all.far.accept();
    wire.write(handshake("server").start());
    await wire.read(320);
    await wire.end();
    assert.equal(await all.end.failure(), "BACKEND_DOWN");
    await second.ending();
  });

  it("says NOT_SPIPED when the far side greets with more than a nonce, and sends no C4", async () => {
    const all = await stage();
    all.wire.write(join(ascii("\x4a\0\0\0\x0a8.0.36\0"), pattern(60)));
    await failsWith(all, "NOT_SPIPED");
    await all.wire.ending();
    assert.equal(all.wire.unread.length, 32);
  });

  it("says PEER_MAC_INVALID when S5 is changed on the way", async () => {
    const all = await stage();
    const server = handshake("server");
    all.wire.write(server.start());
    const step = server.receive(await all.wire.read(320));
    all.wire.write(flipBit(step.send ?? assert.fail("no S5"), 1000));
    await failsWith(all, "PEER_MAC_INVALID");
  });

  it("says BACKEND_DOWN when the far side closes after S5 without data, and passes the end on", async () => {
    const all = await stage();
    await shakeAsServer(all.wire);
    await all.wire.end();
    assert.equal(await all.user.ending(), "end");
    assert.deepEqual(all.end.failures, ["BACKEND_DOWN"]);
    assert.equal(typeof all.end.stats.keyVerifiedAtMs, "number", "the key is right all the same");
  });

  it("says BACKEND_DOWN when the far side resets after S5 without data", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.user.write(ascii("x"));
    await far.receive();
    all.wire.socket.resetAndDestroy();
    await failsWith(all, "BACKEND_DOWN");
  });

  it("reports no failure when the far side closes after data", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("bye"));
    await far.peer.end();
    sameBytes(await all.user.read(3), ascii("bye"));
    assert.equal(await all.user.ending(), "end");
    assert.deepEqual(all.end.failures, []);
  });

  it("reports no failure when its client ends first and the far side then closes without data", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    await all.user.end();
    assert.equal(await far.peer.ending(), "end");
    await far.peer.end();
    await all.end.allClosed(1);
    assert.deepEqual(all.end.failures, []);
  });

  it("says TRUNCATED and resets its client when the far side resets in the middle of the data", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("half"));
    await all.user.read(4);
    all.wire.socket.resetAndDestroy();
    assert.equal(await all.user.ending(), "reset");
    await failsWith(all, "TRUNCATED");
  });

  it("says RECORD_INVALID and resets its client when a packet is invalid", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("good"));
    await all.user.read(4);
    all.wire.write(flipBit(far.channel.seal(ascii("bad")), 8000));
    assert.equal(await all.user.ending(), "reset");
    assert.equal(all.user.unread.length, 0);
    await failsWith(all, "RECORD_INVALID");
  });

  it("says TRUNCATED and resets its client when the stream was cut in a packet, after it has passed the whole packets on", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.wire.write(join(far.channel.seal(ascii("whole")), far.channel.seal(ascii("cut")).slice(0, 1059)));
    await all.wire.end();
    sameBytes(await all.user.read(5), ascii("whole"));
    assert.equal(await all.user.ending(), "reset");
    assert.deepEqual([all.end.failures, all.user.unread.length], [["TRUNCATED"], 0]);
  });

  it("resets the far side when the stream from there was cut in a packet", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.user.write(ascii("x"));
    await far.receive();
    all.wire.write(far.channel.seal(ascii("cut")).slice(0, 1059));
    await all.wire.end();
    assert.equal(await far.peer.ending(), "reset");
  });

  it("resets the far side when its client resets, which is no failure of the tunnel", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.user.write(ascii("x"));
    await far.receive();
    all.user.socket.resetAndDestroy();
    assert.equal(await far.peer.ending(), "reset");
    await all.end.allClosed(1);
    assert.deepEqual(all.end.failures, []);
  });

  it("resets the far side after the last bytes of a client that sends and resets at once", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.user.socket.write(ascii("last words"), () => all.user.socket.resetAndDestroy());
    sameBytes(await far.receive(), ascii("last words"));
    assert.equal(await far.peer.ending(), "reset");
  });

  it("resets the far side when its client resets after the far side has ended its half", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("answer"));
    await far.peer.end();
    sameBytes(await all.user.read(6), ascii("answer"));
    assert.equal(await all.user.ending(), "end");
    all.user.write(ascii("x"));
    await far.receive();
    all.user.socket.resetAndDestroy();
    assert.equal(await far.peer.ending(), "reset");
  });

  it("hands over the whole of a stream that had ended when the far side resets the other stream", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    all.user.socket.pause();
    const sent = pattern(3_000_000);
    all.wire.socket.end(far.channel.seal(sent));
    await once(all.wire.socket, "finish");
    all.user.socket.resume();
    sameBytes(await all.user.read(sent.length), sent);
    assert.equal(await all.user.ending(), "end");
  });

  it("resets the far side when it is closed during the handshake: its client's data is lost", async () => {
    const all = await stage();
    await all.wire.read(32);
    all.end.forwarder.close();
    assert.equal(await all.wire.ending(), "reset");
  });

  it("resets both sides when it is closed while a connection is open", async () => {
    const all = await stage();
    const far = await shakeAsServer(all.wire);
    far.send(ascii("half"));
    await all.user.read(4);
    all.end.forwarder.close();
    assert.deepEqual([await all.user.ending(), await far.peer.ending()], ["reset", "reset"]);
  });
});
