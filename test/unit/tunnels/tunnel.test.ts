/** One tunnel: its states rest on evidence, and its port stays whatever the far side does. */
import assert from "node:assert/strict";
import { probeTunnel } from "../../../daemon/tunnels/probe-tunnel.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { mysqlErrorPacket, PROTECTED_MODE } from "../../support/refusals.ts";
import { stageForEach } from "../../support/stage.ts";
import { planOf, Solo } from "../../support/tunnels/solo.ts";
import { ascii, join } from "../../support/wire/bytes.ts";
import { End, local, makeRoute, shakeAsClient, startEnd } from "../../support/wire/ends.ts";
import { keyOf } from "../../support/wire/handshakes.ts";
import { type Backend, closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

describe("a tunnel", () => {
  const scope = stageForEach();

  async function behindFarEnd(): Promise<{ readonly solo: Solo; readonly backend: Backend }> {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { target: local(far.port) });
    await solo.tunnel.open();
    return { solo, backend };
  }

  it("is opening until its port is bound", async () => {
    const solo = new Solo(scope);
    const opening = solo.tunnel.open();
    assert.deepEqual([solo.tunnel.state, solo.tunnel.isOpen], ["opening", false]);
    await opening;
    assert.deepEqual([solo.tunnel.state, solo.tunnel.isOpen], ["listening", true]);
  });

  it("comes to listening, key-verified and verified as each is proved", async () => {
    const { solo, backend } = await behindFarEnd();
    assert.equal(solo.tunnel.state, "listening");
    const user = await connectTo(scope, solo.place);
    await solo.reaches("key-verified");
    (await backend.accept()).write(ascii("x"));
    await user.read(1);
    assert.deepEqual([solo.tunnel.state, solo.states], ["verified", ["listening", "key-verified", "verified"]]);
  });

  it("is degraded by a failure of the far side, counts failures in a row, and recovers by itself", async () => {
    const backend = await startBackend(scope);
    const port = await closedPort();
    const solo = new Solo(scope, { target: local(port) });
    await solo.tunnel.open();
    for (const count of [1, 2]) {
      await (await connectTo(scope, solo.place)).ending();
      assert.deepEqual([solo.tunnel.state, solo.tunnel.stats.lastFailure?.code, solo.tunnel.stats.lastFailure?.count], ["degraded", "CONNECT_REFUSED", count]);
    }
    const options = { role: "server", target: backend.port } as const;
    const far = new End(options, [makeRoute(scope, options)]);
    scope.own(far.forwarder, (forwarder) => forwarder.close());
    await far.forwarder.listen({ address: { kind: "tcp", host: "127.0.0.1", port } });
    await connectTo(scope, solo.place);
    (await backend.accept()).write(ascii("x"));
    await solo.reaches("verified");
  });

  it("whose backend is down stays degraded though the key is proved, until the backend speaks", async () => {
    const port = await closedPort();
    const far = await startEnd(scope, { role: "server", target: port });
    const solo = new Solo(scope, { target: local(far.port) });
    await solo.tunnel.open();
    for (let count = 0; count < 3; count += 1) await (await connectTo(scope, solo.place)).ending();
    assert.deepEqual([solo.tunnel.state, solo.tunnel.stats.lastFailure?.code], ["degraded", "BACKEND_DOWN"]);
    assert.deepEqual(solo.states, ["listening", "key-verified", "degraded"], "it does not flap with every connection");
    const backend = await startBackend(scope, { port });
    const user = await connectTo(scope, solo.place);
    (await backend.accept()).write(ascii("x"));
    await user.read(1);
    assert.equal(solo.tunnel.state, "verified");
  });

  it("is verified again by data on a live connection, without a new connection", async () => {
    const { solo, backend } = await behindFarEnd();
    const user = await connectTo(scope, solo.place);
    const service = await backend.accept();
    service.write(ascii("1"));
    await user.read(1);
    solo.tunnel.note(new TunnelError("BACKEND_BLOCKED", "blocked"));
    assert.equal(solo.tunnel.state, "degraded");
    solo.time.pass(1);
    service.write(ascii("2"));
    await user.read(1);
    solo.tunnel.look();
    assert.equal(solo.tunnel.state, "verified");
  });

  it("as a server is degraded by its backend alone, not by strangers", async () => {
    const port = await closedPort();
    const server = new Solo(scope, { role: "server", target: local(port) });
    await server.tunnel.open();
    const wrong = new Solo(scope, { target: local(server.place.port), keys: [keyOf("two")] });
    const right = new Solo(scope, { target: local(server.place.port) });
    await Promise.all([wrong.tunnel.open(), right.tunnel.open()]);
    await (await connectTo(scope, wrong.place)).ending();
    await wrong.failed("KEY_MISMATCH");
    assert.equal(server.tunnel.state, "listening");
    await (await connectTo(scope, right.place)).ending();
    await server.reaches("degraded");
    assert.equal(server.tunnel.stats.lastFailure?.code, "CONNECT_REFUSED");
    await (await connectTo(scope, right.place)).ending();
    assert.equal(server.tunnel.state, "degraded", "another proof of the key says nothing about the backend");
  });

  it("refuses new connections at once after a wrong key, longer each time, and lets them through again by itself", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port, keys: ["two"] });
    const solo = new Solo(scope, { target: local(far.port) });
    await solo.tunnel.open();
    const attempt = async (): Promise<number> => {
      await (await connectTo(scope, solo.place)).ending();
      return far.failures.length;
    };
    assert.equal(await attempt(), 2, "it is looked at twice before that is said");
    await solo.failed("KEY_MISMATCH");
    assert.equal(await attempt(), 2, "the second did not reach the far side");
    assert.deepEqual([solo.failures("KEY_MISMATCH"), solo.tunnel.stats.lastFailure?.count, solo.tunnel.state], [2, 2, "degraded"]);
    solo.time.pass(999);
    assert.equal(await attempt(), 2, "at least one second");
    solo.time.pass(251);
    assert.equal(await attempt(), 3, "then the next one is tried, once");
    await solo.failed("KEY_MISMATCH", 4);
    solo.time.pass(1_999);
    assert.equal(await attempt(), 3, "twice as long");
    solo.tunnel.wake();
    assert.equal(await attempt(), 4, "but not after a wake");
  });

  it("tries the far side again when somebody asks on purpose, even while new connections are refused after a wrong key", async () => {
    const backend = await startBackend(scope);
    const wrong = await startEnd(scope, { role: "server", target: backend.port, keys: ["two"] });
    const solo = new Solo(scope, { target: local(wrong.port) });
    await solo.tunnel.open();
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "KEY_MISMATCH");
    const lookedAt = wrong.failures.length;
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "KEY_MISMATCH");
    assert.ok(wrong.failures.length > lookedAt, "the second question reached the far side");
    await (await connectTo(scope, solo.place)).ending();
    const settled = wrong.failures.length;
    await (await connectTo(scope, solo.place)).ending();
    assert.equal(wrong.failures.length, settled, "a client that only tries is still turned away");
    const { port } = wrong;
    wrong.forwarder.close();
    const options = { role: "server", target: backend.port } as const;
    await startEnd(scope, options, [makeRoute(scope, options)], { kind: "tcp", host: "127.0.0.1", port });
    assert.deepEqual(await probeTunnel(solo.tunnel), {}, "the far end has the right key now");
    assert.equal(solo.tunnel.state, "key-verified");
  });

  it("is degraded by a far end that has worked and then accepts connections in silence, because that far end is probably full", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { target: local(far.port), timeoutMs: 3_000 });
    await solo.tunnel.open();
    const user = await connectTo(scope, solo.place);
    await solo.reaches("key-verified");
    user.socket.destroy();
    const { port } = far;
    far.forwarder.close();
    await startBackend(scope, { port });
    await (await connectTo(scope, solo.place)).ending();
    await solo.failed("LIMIT_REACHED");
    assert.equal(solo.tunnel.state, "degraded");
  });

  it("re-resolves its target after a wake, and keeps live connections", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { target: { kind: "tcp", host: "far.example", port: far.port } });
    await solo.tunnel.open();
    const user = await connectTo(scope, solo.place);
    const service = await backend.accept();
    solo.time.sleep(3_600_000);
    solo.tunnel.wake();
    assert.deepEqual(solo.lookedUp, ["far.example", "far.example"]);
    service.write(ascii("x"));
    await user.read(1);
  });

  it("gives new connections its new plan while it still waits for a busy port", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const taken = await startBackend(scope);
    const solo = new Solo(scope, { listen: { kind: "tcp", host: "127.0.0.1", port: taken.port } });
    await solo.tunnel.open();
    assert.deepEqual([solo.tunnel.state, solo.bindFailures.length, solo.tunnel.bindFailure?.code], ["port-busy", 1, "LISTEN_IN_USE"]);
    solo.tunnel.reconfigure({ ...solo.tunnel.plan, target: local(far.port) });
    taken.close();
    solo.time.pass(625);
    await solo.reaches("listening");
    await connectTo(scope, solo.place);
    await backend.accept();
    assert.deepEqual(solo.told, ["listening"]);
  });

  it("leaves no listener behind when it is closed or drained while it binds", async () => {
    const port = await closedPort();
    for (const end of ["close", "drain"] as const) {
      const solo = new Solo(scope, { listen: { kind: "tcp", host: "127.0.0.1", port } });
      const opening = solo.tunnel.open();
      void solo.tunnel[end]();
      await opening;
      await assert.rejects(connectTo(scope, { port }), { code: "ECONNREFUSED" });
    }
  });

  it("refuses a new plan that listens elsewhere", async () => {
    const { solo } = await behindFarEnd();
    assert.throws(() => solo.tunnel.reconfigure(planOf({ listen: { kind: "tcp", host: "127.0.0.1", port: 1 } })), RangeError);
  });

  it("resolves waits for evidence when it closes", async () => {
    const { solo } = await behindFarEnd();
    const evidence = solo.tunnel.nextEvidence();
    solo.tunnel.close();
    await evidence;
    await solo.tunnel.nextEvidence();
    assert.deepEqual(solo.told, ["listening", "released"]);
  });
});

describe("the limit of a tunnel", () => {
  const scope = stageForEach();

  for (const [what, change] of [
    ["the same again", () => ({})],
    ["another target", (port: number) => ({ target: local(port) })],
    ["another key", () => ({ keys: [keyOf("one"), keyOf("two")] })],
  ] as const)
    it(`counts the connections from before a change of its definition to ${what}`, async () => {
      const [backend, other] = [await startBackend(scope), await startBackend(scope)];
      const server = new Solo(scope, { role: "server", target: local(backend.port), maxConnections: 1, forwardSecrecy: "prefer" });
      await server.tunnel.open();
      await shakeAsClient(await connectTo(scope, server.place));
      await backend.accept();
      server.tunnel.reconfigure({ ...server.tunnel.plan, keys: [keyOf("one")], ...change(other.port) });
      await (await shakeAsClient(await connectTo(scope, server.place))).peer.ending();
      await server.failed("LIMIT_REACHED");
      assert.deepEqual([backend.peers.length, other.peers.length], [1, 0]);
    });
});

const MYSQL_GREETING = join(Uint8Array.of(74, 0, 0, 0, 10), ascii("10.11.19-MariaDB"), new Uint8Array(57));
/** A fatal handshake_failure, and the beginning of a ServerHello. RFC 8446, 5.1 and 6. */
const TLS_ALERT = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40);
const TLS_HELLO = Uint8Array.of(0x16, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3);

describe("a tunnel whose service turns us away with its first words", () => {
  const scope = stageForEach();
  /** What a tunnel shows after a program has connected and the service has said this. */
  async function afterTraffic(service: "redis" | "mysql" | "tcp", says: Uint8Array, tls = false) {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { service, tls, target: local(far.port) });
    await solo.tunnel.open();
    const user = await connectTo(scope, solo.place);
    (await backend.accept()).write(says);
    await user.read(says.length);
    const { stats } = solo.tunnel;
    return [solo.tunnel.state, stats.lastFailure?.code, stats.lastFailure?.count, stats.backendVerifiedAtMs === undefined];
  }

  for (const [service, what, says, code] of [
    ["mysql", "error 1129", mysqlErrorPacket(1129, "#HY000Host '10.0.0.1' is blocked"), "BACKEND_BLOCKED"],
    ["mysql", "error 1040", mysqlErrorPacket(1040, "#08004Too many connections"), "BACKEND_BLOCKED"],
    ["mysql", "error 1130", mysqlErrorPacket(1130, "Host '10.0.0.1' is not allowed to connect"), "BACKEND_DOWN"],
    ["redis", "protected mode", ascii(PROTECTED_MODE), "BACKEND_BLOCKED"],
    ["redis", "a TLS alert, where the entry knows nothing of TLS", TLS_ALERT, "BACKEND_DOWN"],
    ["redis", "its limit", ascii("-ERR max number of clients reached\r\n"), "BACKEND_BLOCKED"],
  ] as const)
    it(`reports ${code} for ${what} once, and does not count the service as verified`, async () => {
      assert.deepEqual(await afterTraffic(service, says), ["degraded", code, 1, true]);
    });

  it("takes a reset after a refusal as the end of it, and as nothing new", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { service: "redis", target: local(far.port) });
    await solo.tunnel.open();
    const user = await connectTo(scope, solo.place);
    const service = await backend.accept();
    service.write(TLS_ALERT);
    await user.read(TLS_ALERT.length);
    service.socket.resetAndDestroy();
    assert.equal(await user.ending(), "reset");
    assert.deepEqual([...solo.tunnel.stats.failures], [["BACKEND_DOWN", 1]]);
    assert.match(solo.tunnel.stats.lastFailure?.message ?? "", /speaks TLS/);
  });

  for (const [service, what, says] of [
    ["mysql", "a greeting", MYSQL_GREETING],
    ["mysql", "an error of a later packet", Uint8Array.of(3, 0, 0, 1, 0xff, 0x69, 0x04)],
    ["redis", "the want of a password", ascii("-NOAUTH Authentication required.\r\n")],
    ["tcp", "an error packet of a service it does not know", mysqlErrorPacket(1129, "blocked")],
  ] as const)
    it(`takes ${what} as a sign of life`, async () => {
      assert.deepEqual(await afterTraffic(service, says), ["verified", undefined, undefined, false]);
    });

  for (const [what, says] of [
    ["the beginning of a handshake", TLS_HELLO],
    ["an alert", TLS_ALERT],
  ] as const)
    it(`takes ${what} of TLS as a sign of life when the entry says TLS`, async () => {
      assert.deepEqual(await afterTraffic("redis", says, true), ["verified", undefined, undefined, false]);
    });

  it("reports the refusal at the server's end as well, which hears it first", async () => {
    const backend = await startBackend(scope);
    const server = new Solo(scope, { role: "server", service: "mysql", target: local(backend.port), forwardSecrecy: "prefer" });
    await server.tunnel.open();
    await shakeAsClient(await connectTo(scope, server.place));
    (await backend.accept()).write(mysqlErrorPacket(1040, "Too many connections"));
    await server.failed("BACKEND_BLOCKED");
    assert.equal(server.tunnel.state, "degraded");
  });
});

describe("the probe of a tunnel", () => {
  const scope = stageForEach();

  async function open(service: "redis" | "mysql" | "tcp", answer: Uint8Array | undefined): Promise<{ readonly solo: Solo; readonly backend: Backend }> {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { service, target: local(far.port) });
    await solo.tunnel.open();
    if (answer !== undefined) void backend.accept().then((peer) => peer.write(answer));
    return { solo, backend };
  }

  it("verifies Redis by its answer, even if the answer refuses us for want of a password", async () => {
    for (const answer of ["+PONG\r\n", "-NOAUTH Authentication required.\r\n"]) {
      const { solo } = await open("redis", ascii(answer));
      assert.deepEqual(await probeTunnel(solo.tunnel), {});
      assert.equal(solo.tunnel.state, "verified");
    }
  });

  it("is only the handshake for a service that the tunnel does not know", async () => {
    const { solo, backend } = await open("tcp", undefined);
    await probeTunnel(solo.tunnel);
    assert.equal(solo.tunnel.state, "key-verified");
    const peer = await backend.accept();
    assert.equal(await peer.ending(), "reset", "nothing was sent, and a service that may stay silent for ever is not left with an open connection");
  });

  it("degrades a tunnel whose service turns out to be something else, even though the backend spoke", async () => {
    const { solo } = await open("redis", ascii("HTTP/1.1 400 Bad Request\r\n"));
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "BACKEND_DOWN");
    assert.deepEqual([solo.tunnel.state, solo.tunnel.stats.lastFailure?.code], ["degraded", "BACKEND_DOWN"]);
    assert.match(solo.tunnel.stats.lastFailure?.message ?? "", /not Redis/);
  });

  it("reports that a Redis which is silent to TLS speaks none, long before the probe's time is over", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const solo = new Solo(scope, { service: "redis", tls: true, target: local(far.port), timeoutMs: 3_600_000 });
    await solo.tunnel.open();
    const probing = probeTunnel(solo.tunnel);
    assert.equal((await (await backend.accept()).read(1))[0], 0x16, "first it is asked by TLS");
    const second = await backend.accept();
    assert.equal(Buffer.from(await second.read(6)).toString(), "PING\r\n");
    second.write(ascii("+PONG\r\n"));
    assert.match((await probing)?.failure?.message ?? "", /Redis speaks no TLS/);
    assert.deepEqual([...solo.tunnel.stats.failures], [["BACKEND_DOWN", 1]]);
  });

  it("waits until its extra TLS connection ends: what the service still says there is no sign that the entry is right", async () => {
    const { solo, backend } = await open("redis", undefined);
    const probing = probeTunnel(solo.tunnel);
    const asked = await backend.accept();
    await asked.read(6);
    asked.socket.resetAndDestroy();
    const look = await backend.accept();
    await look.read(5);
    look.write(TLS_HELLO);
    look.write(new Uint8Array(122));
    let hasEnded = false;
    void look.ending().then(async () => {
      solo.time.pass(1);
      look.write(ascii("one more ticket"));
      await look.end();
      hasEnded = true;
    });
    assert.match((await probing)?.failure?.message ?? "", /the service speaks TLS/);
    assert.ok(hasEnded);
    assert.equal(solo.tunnel.state, "degraded");
  });

  it("makes only one connection to a service that has answered as something else", async () => {
    const { solo, backend } = await open("redis", MYSQL_GREETING);
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "BACKEND_DOWN");
    assert.equal(backend.peers.length, 1);
  });

  it("reports that a MySQL accepts no client without TLS, and that the tunnel works", async () => {
    const { solo, backend } = await open("mysql", undefined);
    const probing = probeTunnel(solo.tunnel);
    const peer = await backend.accept();
    peer.write(MYSQL_GREETING);
    await peer.read(4);
    peer.write(mysqlErrorPacket(3159, "#HY000Connections using insecure transport are prohibited", 2));
    assert.match((await probing)?.advice ?? "", /no client without TLS: set "tls": true/);
    assert.equal(solo.tunnel.state, "verified");
  });

  it("reports that MySQL blocks this host", async () => {
    const { solo } = await open("mysql", mysqlErrorPacket(1129, "Host '10.0.0.1' is blocked"));
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "BACKEND_BLOCKED");
    assert.equal(solo.tunnel.stats.failures.get("BACKEND_DOWN"), undefined);
    assert.deepEqual([solo.tunnel.state, solo.tunnel.stats.lastFailure?.code], ["degraded", "BACKEND_BLOCKED"]);
  });

  it("counts a failure only once if the tunnel saw it too", async () => {
    const solo = new Solo(scope, { service: "redis", target: local(await closedPort()) });
    await solo.tunnel.open();
    assert.equal((await probeTunnel(solo.tunnel))?.failure?.code, "CONNECT_REFUSED");
    assert.deepEqual([...solo.tunnel.stats.failures], [["CONNECT_REFUSED", 1]]);
  });

  it("sends nothing to a program that has the port that the tunnel waits for", async () => {
    const other = await startBackend(scope);
    const solo = new Solo(scope, { service: "redis", listen: { kind: "tcp", host: "127.0.0.1", port: other.port } });
    await solo.tunnel.open();
    assert.equal(await probeTunnel(solo.tunnel), undefined);
    const first = await connectTo(scope, { port: other.port });
    first.write(ascii("me"));
    assert.deepEqual(Buffer.from(await (await other.accept()).read(2)).toString(), "me", "the first that came was not a probe");
  });
});
