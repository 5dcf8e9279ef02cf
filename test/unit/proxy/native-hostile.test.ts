/** Whoever comes to a port that speaks the native wire and means no good: strangers, and peers that hold the key. */
import assert from "node:assert/strict";
import { FLAG, FRAME } from "../../../daemon/protocol/mux-frame.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, fromHex, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, startEnd } from "../../support/wire/ends.ts";
import { frame, syn } from "../../support/wire/muxes.ts";
import { acknowledgement, type NativePeer, shakeNative } from "../../support/wire/native-peer.ts";
import { type Backend, connectTo, startBackend } from "../../support/wire/peer.ts";

describe("a port that speaks the native wire", () => {
  const scope = stageForEach();
  let backend: Backend;
  let server: End;

  beforeEach(async () => {
    backend = await startBackend(scope);
    server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", maxConnections: 50 });
  });

  const peerWithKey = (): Promise<NativePeer> => shakeNative(scope, server);

  /** Proves that others are served. */
  async function friend(): Promise<void> {
    const client = await startEnd(scope, { role: "client", target: server.port, wire: "auto" });
    const user = await connectTo(scope, client);
    const index = backend.peers.length;
    user.write(ascii("hello"));
    const service = await backend.accept();
    sameBytes(await service.read(5), ascii("hello"));
    assert.equal(backend.peers.length, index + 1);
  }

  it("gives strangers 32 bytes at most, dials nobody for them, and serves a friend beside 5,000 of them", async function () {
    this.timeout(0);
    const words = [pattern(31), pattern(32), pattern(400), ascii("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".padEnd(400, "x"))];
    const client = await startEnd(scope, { role: "client", target: server.port, wire: "auto" });
    const user = await connectTo(scope, client);
    user.write(ascii("a"));
    const service = await backend.accept();
    await service.read(1);
    let most = 0;
    for (let round = 0; round < 50; round++) {
      const strangers = await Promise.all(Array.from({ length: 100 }, () => connectTo(scope, server)));
      for (const [index, stranger] of strangers.entries()) {
        stranger.write(words[index % words.length] as Uint8Array);
        stranger.socket.end();
      }
      user.write(pattern(100, round + 1));
      sameBytes(await service.read(100), pattern(100, round + 1));
      await Promise.all(strangers.map((stranger) => stranger.ending()));
      most = Math.max(most, ...strangers.map((stranger) => stranger.unread.length));
      for (const stranger of strangers) stranger.socket.destroy();
    }
    assert.equal(most, 32);
    assert.equal(backend.peers.length, 1);
    assert.equal(client.failures.length, 0);
  });

  for (const [title, act] of [
    ["a record that means nothing", (peer: NativePeer) => peer.record(Uint8Array.of(5, 1, 2))],
    ["a record that was changed", (peer: NativePeer) => peer.peer.write(join(fromHex("0020"), pattern(32)))],
    ["a record that is too short", (peer: NativePeer) => peer.peer.write(fromHex("0010"))],
    ["more acknowledged than was sent", (peer: NativePeer) => peer.record(acknowledgement(1e9, 0))],
    ["more released than was sent", (peer: NativePeer) => peer.record(acknowledgement(0, 1e9))],
    ["another version of yamux", (peer: NativePeer) => peer.frames(frame({ version: 9, flags: FLAG.syn }))],
    ["an id of the server's", (peer: NativePeer) => peer.frames(syn(2))],
    ["a window of 2^32-1", (peer: NativePeer) => peer.frames(syn(1), frame({ type: FRAME.windowUpdate, length: 0xffffffff }))],
  ] as const)
    it(`ends a session with the key for ${title}, counts it, and serves others`, async () => {
      const peer = await peerWithKey();
      act(peer);
      await peer.untilEnd();
      await server.until(() => server.failures.includes("RECORD_INVALID"));
      await friend();
    });

  it("refuses targets in forms that it does not know, and those that nobody allowed, and says so", async () => {
    const peer = await peerWithKey();
    for (const [index, text] of ["ff", "02 00", "01 00", "04 7f000001 18eb", "01 03 616263"].entries()) peer.frames(syn(1 + 2 * index, fromHex(text)));
    await server.until(() => server.failures.length === 5);
    assert.deepEqual([...new Set(server.failures)], ["TARGET_REFUSED"]);
    assert.equal(backend.peers.length, 0);
    await friend();
  });

  it("serves no more streams than its limit to a peer that opens them without end, and ends it", async () => {
    const peer = await peerWithKey();
    peer.peer.socket.pause();
    for (let id = 1; id < 20_001; id += 2) peer.frames(syn(id, Uint8Array.of(0)));
    await server.until(() => server.failures.includes("LIMIT_REACHED"));
    assert.ok(server.forwarder.connections.size <= 50);
    peer.peer.socket.destroy();
    await server.until(() => server.forwarder.connections.size === 0);
    await friend();
  });

  it("forgets a peer that opens and resets in a loop", async () => {
    const peer = await peerWithKey();
    for (let id = 1; id < 2_001; id += 2) peer.frames(syn(id, Uint8Array.of(0)), frame({ id, type: FRAME.windowUpdate, flags: FLAG.rst }));
    peer.peer.socket.end();
    await server.until(() => server.closed >= 1_000 && server.forwarder.connections.size === 0);
    await friend();
  });

  it("is done with a peer whose backend does not read, as soon as that peer breaks off", async () => {
    const peer = await peerWithKey();
    peer.frames(syn(1, Uint8Array.of(0)));
    const service = await backend.accept();
    service.socket.pause();
    for (let index = 0; index < 120; index++) peer.frames(frame({ data: pattern(60_000) }));
    await until(() => server.stats.plainInBytes === 120 * 60_000, { what: "all of it had come" });
    peer.peer.socket.resetAndDestroy();
    await server.allClosed(1);
    service.socket.resume();
    assert.equal(await service.ending(), "reset");
  });
});
