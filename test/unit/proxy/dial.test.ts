/** Connecting to the first address that answers: order, time budgets, what failures are called, and leaving nothing behind. */
import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import * as net from "node:net";
import { join } from "node:path";
import { mock } from "node:test";
import { type DialOptions, dial } from "../../../daemon/proxy/dial.ts";
import type { ResolvedAddress } from "../../../daemon/proxy/target.ts";
import { stageForEach } from "../../support/stage.ts";
import { BLACK_HOLE, watchConnects } from "../../support/wire/black-hole.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { liveTimers, turnOfTheLoop } from "../../support/wire/loop.ts";
import { closedPort, startBackend, temporaryFolder } from "../../support/wire/peer.ts";

const at = (port: number, host = "127.0.0.1"): ResolvedAddress => ({ kind: "tcp", host, port });
const hole = at(1, BLACK_HOLE);
const never = new AbortController().signal;

describe("dial", () => {
  const scope = stageForEach();
  const connect = async (addresses: readonly ResolvedAddress[], options: Partial<DialOptions> = {}) => {
    const dialled = await dial({ addresses, timeoutMs: 5_000, signal: never, ...options });
    scope.own(dialled.socket, (socket) => socket.destroy());
    return dialled;
  };

  it("connects to the only address", async () => {
    const backend = await startBackend(scope);
    const { socket, address } = await connect([at(backend.port)]);
    assert.equal(socket.remotePort, backend.port);
    assert.deepEqual(address, at(backend.port));
  });

  it("gives a paused socket that may be half-closed", async () => {
    const backend = await startBackend(scope);
    const { socket } = await connect([at(backend.port)]);
    assert.deepEqual([socket.isPaused(), socket.allowHalfOpen], [true, true]);
  });

  it("goes on to the second address when the first refuses", async () => {
    const backend = await startBackend(scope);
    const { address } = await connect([at(await closedPort()), at(backend.port)]);
    assert.deepEqual(address, at(backend.port));
  });

  it("tries no further address once one has answered", async () => {
    const [first, second] = [await startBackend(scope), await startBackend(scope)];
    const seen = watchConnects(scope);
    await connect([at(first.port), at(second.port)], { aloneMs: 60_000 });
    assert.deepEqual(seen.tried, [`127.0.0.1:${first.port}`]);
  });

  it("connects to a unix socket", async () => {
    const path = join(temporaryFolder(scope), "s");
    await startBackend(scope, { path });
    assert.deepEqual((await connect([{ kind: "unix", path }])).address, { kind: "unix", path });
  });

  it("binds to the outgoing address", async () => {
    const backend = await startBackend(scope);
    const { socket } = await connect([at(backend.port)], { bind: { kind: "tcp", host: "127.0.0.9", port: 0 } });
    assert.equal(socket.localAddress, "127.0.0.9");
  });

  for (const [what, code, address] of [
    ["nothing listens there", "CONNECT_REFUSED", async () => at(await closedPort())] as const,
    ["there is no such unix socket", "CONNECT_REFUSED", async () => ({ kind: "unix", path: join(temporaryFolder(scope), "none") }) as const] as const,
    ["the folder of the unix socket is a file", "CONNECT_UNREACHABLE", async () => ({ kind: "unix", path: "/dev/null/s" }) as const] as const,
  ]) {
    it(`says ${code} when ${what}`, async () => {
      assert.equal((await rejectionOf(connect([await address()]))).code, code);
    });
  }

  it("says CONNECT_UNREACHABLE when the outgoing address is not of this machine", async () => {
    const backend = await startBackend(scope);
    const error = await rejectionOf(connect([at(backend.port)], { bind: { kind: "tcp", host: BLACK_HOLE, port: 0 } }));
    assert.equal(error.code, "CONNECT_UNREACHABLE");
  });

  it("says CONNECT_UNREACHABLE when there is no address at all", async () => assert.equal((await rejectionOf(connect([]))).code, "CONNECT_UNREACHABLE"));

  it("names every address that failed, and keeps the system's error as the cause", async () => {
    const ports = [await closedPort(), await closedPort()];
    const error = await rejectionOf(connect(ports.map((port) => at(port))));
    for (const port of ports) assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
    assert.equal((error.cause as NodeJS.ErrnoException).code, "ECONNREFUSED");
  });

  it("rejects with the signal's reason when the signal was aborted before", async () => {
    const backend = await startBackend(scope);
    await assert.rejects(connect([at(backend.port)], { signal: AbortSignal.abort(new Error("not wanted")) }), { message: "not wanted" });
    assert.equal(backend.peers.length, 0);
  });

  it("rejects with the signal's reason and ends the attempt when it is aborted meanwhile", async () => {
    const seen = watchConnects(scope);
    const abort = new AbortController();
    const dialling = connect([hole], { signal: abort.signal });
    abort.abort(new Error("not wanted"));
    await assert.rejects(dialling, { message: "not wanted" });
    assert.deepEqual(
      seen.sockets.map((socket) => socket.destroyed),
      [true],
    );
  });

  it("leaves no timer behind when it has connected", async () => {
    const backend = await startBackend(scope);
    const before = await liveTimers();
    await connect([at(await closedPort()), at(backend.port)]);
    assert.equal(await liveTimers(), before);
  });

  it("leaves no timer behind when it is aborted", async () => {
    watchConnects(scope);
    const abort = new AbortController();
    const before = await liveTimers();
    const dialling = connect([hole], { signal: abort.signal });
    abort.abort(new Error("not wanted"));
    await assert.rejects(dialling);
    assert.equal(await liveTimers(), before);
  });

  it("leaves no listener on the signal", async () => {
    const backend = await startBackend(scope);
    const abort = new AbortController();
    await connect([at(backend.port)], { signal: abort.signal });
    let aborted = 0;
    abort.signal.onabort = () => {
      aborted += 1;
    };
    abort.abort();
    assert.equal(aborted, 1);
    assert.equal((await startBackend(scope)).peers.length, 0);
  });
});

describe("dial with an address that never answers", () => {
  const scope = stageForEach();
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => {
    mock.timers.reset();
    // watchConnects has had the builtins' exports taken anew while the timers were mocked.
    syncBuiltinESMExports();
  });

  it("says CONNECT_TIMEOUT when its time is up, not before", async () => {
    const { sockets } = watchConnects(scope);
    const dialling = dial({ addresses: [hole], timeoutMs: 5_000, signal: never });
    mock.timers.tick(4_999);
    assert.deepEqual(
      sockets.map((socket) => socket.destroyed),
      [false],
    );
    mock.timers.tick(1);
    assert.equal((await rejectionOf(dialling)).code, "CONNECT_TIMEOUT");
    assert.deepEqual(
      sockets.map((socket) => socket.destroyed),
      [true],
    );
  });

  it("takes a connection that was made before the time was up, though it was not noticed yet", async () => {
    const backend = await startBackend(scope);
    const dialling = dial({ addresses: [at(backend.port)], timeoutMs: 5_000, signal: never });
    await new Promise<void>((resolve) => process.nextTick(resolve));
    mock.timers.tick(5_000);
    const { address } = scope.own(await dialling, (dialled) => dialled.socket.destroy());
    assert.deepEqual(address, at(backend.port));
  });

  it("tries no other address when the first had answered by then, though the answer was not noticed yet", async () => {
    const [first, second] = [await startBackend(scope), await startBackend(scope)];
    const { tried } = watchConnects(scope);
    const dialling = dial({ addresses: [at(first.port), at(second.port)], timeoutMs: 5_000, signal: never });
    await new Promise<void>((resolve) => process.nextTick(resolve));
    mock.timers.tick(250);
    scope.own(await dialling, (dialled) => dialled.socket.destroy());
    assert.deepEqual(tried, [`127.0.0.1:${first.port}`]);
  });

  it("tries the next address a quarter of a second later, and ends the attempt that lost", async () => {
    const backend = await startBackend(scope);
    const { tried, sockets } = watchConnects(scope);
    const dialling = dial({ addresses: [hole, at(backend.port)], timeoutMs: 5_000, signal: never });
    assert.equal(tried.length, 1);
    mock.timers.tick(250);
    await turnOfTheLoop();
    assert.equal(tried.length, 2);
    const { socket, address } = scope.own(await dialling, (dialled) => dialled.socket.destroy());
    assert.deepEqual(address, at(backend.port));
    assert.deepEqual(
      sockets.map((one) => one.destroyed),
      [true, false],
    );
    assert.equal(socket.destroyed, false);
  });

  it("tries the next address no sooner than it is told to", async () => {
    const { tried } = watchConnects(scope);
    const abort = new AbortController();
    const dialling = dial({ addresses: [hole, at(2, BLACK_HOLE)], timeoutMs: 5_000, aloneMs: 2_000, signal: abort.signal });
    mock.timers.tick(1_999);
    await turnOfTheLoop();
    assert.equal(tried.length, 1);
    mock.timers.tick(1);
    await turnOfTheLoop();
    assert.equal(tried.length, 2);
    abort.abort(new Error("enough"));
    await assert.rejects(dialling);
  });

  it("gives each address the whole time budget", async () => {
    const { sockets } = watchConnects(scope);
    const dialling = dial({ addresses: [hole, at(2, BLACK_HOLE)], timeoutMs: 5_000, signal: never });
    mock.timers.tick(250);
    await turnOfTheLoop();
    mock.timers.tick(4_750);
    await turnOfTheLoop();
    assert.deepEqual(
      sockets.map((socket) => socket.destroyed),
      [true, false],
    );
    mock.timers.tick(250);
    assert.equal((await rejectionOf(dialling)).code, "CONNECT_TIMEOUT");
  });

  it("prefers a definite answer to a silence in its error", async () => {
    const refused = await closedPort();
    watchConnects(scope);
    const dialling = dial({ addresses: [hole, at(refused)], timeoutMs: 5_000, signal: never });
    const settled = rejectionOf(dialling);
    mock.timers.tick(250);
    await turnOfTheLoop();
    const refusal = new net.Socket();
    scope.own(refusal, (socket) => socket.destroy());
    // A second refused connection of our own: once it has been reported, so has the one before.
    await new Promise((resolve) => refusal.once("error", resolve).connect(refused, "127.0.0.1"));
    mock.timers.tick(4_750);
    assert.equal((await settled).code, "CONNECT_REFUSED");
  });

  it("tries no other address after one has answered, when the silent one's time is up", async () => {
    const [winner, other] = [await startBackend(scope), await startBackend(scope)];
    const { tried } = watchConnects(scope);
    const dialling = dial({ addresses: [hole, at(winner.port), at(other.port)], timeoutMs: 5_000, signal: never });
    mock.timers.tick(250);
    scope.own(await dialling, (dialled) => dialled.socket.destroy());
    mock.timers.tick(10_000);
    assert.deepEqual(tried, [`${BLACK_HOLE}:1`, `127.0.0.1:${winner.port}`]);
  });

  it("tries no other address after it was aborted, when the silent one's time is up", async () => {
    const other = await startBackend(scope);
    const { tried } = watchConnects(scope);
    const abort = new AbortController();
    const dialling = dial({ addresses: [hole, at(other.port)], timeoutMs: 200, signal: abort.signal });
    abort.abort(new Error("not wanted"));
    await assert.rejects(dialling, { message: "not wanted" });
    mock.timers.tick(10_000);
    assert.deepEqual(tried, [`${BLACK_HOLE}:1`]);
  });
});
