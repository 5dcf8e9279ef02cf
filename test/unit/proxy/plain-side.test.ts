/** Resets: detected where Node hides them, sent where they can be sent, and nothing left open where they can't. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { join } from "node:path";
import { endError, lastWords, resetSocket } from "../../../daemon/proxy/plain-side.ts";
import { type Stage, stageForEach } from "../../support/stage.ts";
import { connectTo, type Peer, type Place, temporaryFolder } from "../../support/wire/peer.ts";

/** Both ends of a connection: the socket under test, which isn't read yet, and the socket that watches. */
async function connectionPair(scope: Stage, place: "tcp" | "unix" = "tcp"): Promise<{ readonly socket: net.Socket; readonly peer: Peer }> {
  const server = scope.own(net.createServer({ allowHalfOpen: true, pauseOnConnect: true }), (open) => open.close());
  const path = join(temporaryFolder(scope), "s");
  server.listen(place === "unix" ? { path } : { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const accepted = once(server, "connection");
  const at: Place = place === "unix" ? { path } : { port: (server.address() as net.AddressInfo).port };
  const peer = await connectTo(scope, at);
  const [socket] = (await accepted) as [net.Socket];
  scope.own(socket, (open) => open.destroy());
  return { socket, peer };
}

describe("endError", () => {
  const scope = stageForEach();

  it("detects a reset that came together with the last data, which Node reports as an end", async () => {
    const { socket, peer } = await connectionPair(scope);
    peer.socket.write("data");
    peer.socket.resetAndDestroy();
    await once(peer.socket, "close");
    socket.resume();
    await once(socket, "end");
    assert.equal(endError(socket)?.code, "ECONNRESET");
  });

  it("detects that a unix socket was closed with unread input", async () => {
    const { socket, peer } = await connectionPair(scope, "unix");
    peer.socket.pause();
    socket.write("unread");
    peer.socket.write("data");
    peer.socket.destroy();
    await once(peer.socket, "close");
    socket.resume();
    await once(socket, "end");
    assert.equal(endError(socket)?.code, "ECONNRESET");
  });

  for (const place of ["tcp", "unix"] as const) {
    it(`finds no error behind a real end (${place})`, async () => {
      const { socket, peer } = await connectionPair(scope, place);
      peer.socket.end("data");
      socket.resume();
      await once(socket, "end");
      assert.equal(endError(socket), undefined);
    });
  }

  it("finds no error behind an end that a reset followed: the stream is whole", async () => {
    const { socket, peer } = await connectionPair(scope);
    peer.socket.end("data");
    await once(peer.socket, "finish");
    peer.socket.resetAndDestroy();
    await once(peer.socket, "close");
    socket.resume();
    await once(socket, "end");
    assert.equal(endError(socket), undefined);
  });

  it("finds no error for a socket that is closed", async () => {
    const { socket } = await connectionPair(scope);
    socket.destroy();
    await once(socket, "close");
    assert.equal(endError(socket), undefined);
  });
});

describe("lastWords", () => {
  const scope = stageForEach();

  for (const place of ["tcp", "unix"] as const) {
    it(`gives the data that was received before a write failed (${place})`, async () => {
      const { socket, peer } = await connectionPair(scope, place);
      peer.socket.write("why");
      if (place === "tcp") peer.socket.resetAndDestroy();
      else peer.socket.destroy();
      await once(peer.socket, "close");
      const failed = new Promise((resolve) => socket.once("error", resolve));
      socket.write("too late");
      assert.ok(socket.errored);
      assert.equal(Buffer.concat(lastWords(socket)).toString(), "why");
      await failed;
    });
  }

  it("is bounded", async () => {
    const { socket, peer } = await connectionPair(scope);
    peer.socket.write(Buffer.alloc(1_000_000));
    const first = Buffer.concat(lastWords(socket)).length;
    assert.ok(first > 0 && first <= 262_144, `${first} bytes`);
  });
});

describe("resetSocket", () => {
  const scope = stageForEach();

  async function pair(place: "tcp" | "unix" = "tcp"): Promise<{ readonly socket: net.Socket; readonly peer: Peer }> {
    const both = await connectionPair(scope, place);
    both.socket.on("error", (error) => assert.fail(error));
    return both;
  }

  it("is seen as a reset by the other end", async () => {
    const { socket, peer } = await pair();
    resetSocket(socket);
    await once(socket, "close");
    assert.equal(await peer.ending(), "reset");
  });

  it("gives up queued data, though nobody reads it", async () => {
    const { socket, peer } = await pair();
    peer.socket.pause();
    socket.write(Buffer.alloc(30_000_000));
    resetSocket(socket);
    await once(socket, "close");
  });

  it("closes the socket for good while its FIN is on the way, when Node can't reset", async () => {
    const { socket, peer } = await pair();
    socket.end();
    resetSocket(socket);
    await once(socket, "close");
    assert.equal(await peer.ending(), "end");
  });

  it("closes a unix socket, which has no reset", async () => {
    const { socket, peer } = await pair("unix");
    resetSocket(socket);
    await once(socket, "close");
    assert.equal(await peer.ending(), "end");
  });
});
