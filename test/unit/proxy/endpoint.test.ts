/** Closing with RST: said where it can be said, and nothing left open where it can't. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { join } from "node:path";
import { resetSocket } from "../../../daemon/proxy/endpoint.ts";
import { useScope } from "../../support/wire/loop.ts";
import { connectTo, type Peer, type Place, temporaryFolder } from "../../support/wire/peer.ts";

describe("resetSocket", () => {
  const scope = useScope();

  /** Both ends of a connection: the socket to close, and who watches. */
  async function pair(place: "tcp" | "unix" = "tcp"): Promise<{ readonly socket: net.Socket; readonly peer: Peer }> {
    const server = scope.own(net.createServer({ allowHalfOpen: true }), (open) => open.close());
    const path = join(temporaryFolder(scope), "s");
    server.listen(place === "unix" ? { path } : { port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const accepted = once(server, "connection");
    const at: Place = place === "unix" ? { path } : { port: (server.address() as net.AddressInfo).port };
    const peer = await connectTo(scope, at);
    const [socket] = (await accepted) as [net.Socket];
    socket.on("error", (error) => assert.fail(error));
    return { socket, peer };
  }

  it("is seen as a reset by the other end", async () => {
    const { socket, peer } = await pair();
    resetSocket(socket);
    await once(socket, "close");
    assert.equal(await peer.ending(), "reset");
  });

  it("gives up what is queued, though nobody reads it", async () => {
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

  it("closes a unix socket, which knows no reset", async () => {
    const { socket, peer } = await pair("unix");
    resetSocket(socket);
    await once(socket, "close");
    assert.equal(await peer.ending(), "end");
  });
});
