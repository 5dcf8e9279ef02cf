/** Programs whose tunnel has no connection for them: who is told, with what, and who is closed as before. */
import assert from "node:assert/strict";
import { Descriptors } from "../../../daemon/proxy/descriptors.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii } from "../../support/wire/bytes.ts";
import { type End, type EndOptions, startEnd } from "../../support/wire/ends.ts";
import { startNetwork } from "../../support/wire/network.ts";
import { type Backend, closedPort, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

const PING = ascii("*1\r\n$4\r\nPING\r\n");
const SET = ascii("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");

describe("a program whose tunnel can't serve it", () => {
  const scope = stageForEach();
  let backend: Backend;

  beforeEach(async () => {
    backend = await startBackend(scope);
  });

  /** A client end, and a server end in front of `target`. */
  async function startPair(target: number, wire: "auto" | "spiped", more: Partial<EndOptions> = {}): Promise<{ readonly client: End; readonly server: End }> {
    const server = await startEnd(scope, { role: "server", target, wire, ...more });
    return { client: await startEnd(scope, { role: "client", target: server.port, wire, service: "redis", ...more }), server };
  }

  /** One line of Redis. */
  async function line(user: Peer): Promise<string> {
    let text = "";
    while (!text.endsWith("\n")) text += Buffer.from(await user.read(1)).toString("latin1");
    return text.trimEnd();
  }

  for (const wire of ["auto", "spiped"] as const)
    it(`is told that nothing listens at the far end, for each command, on ${wire}`, async () => {
      const client = await startEnd(scope, { role: "client", target: await closedPort(), wire, service: "redis" });
      const user = await connectTo(scope, client);
      user.write(PING);
      user.write(SET);
      for (let command = 1; command <= 2; command++) assert.match(await line(user), /^-ERR tunnel "test": CONNECT_REFUSED: .*; check the target, the VPN/);
      user.write(ascii("PING\r\n"));
      assert.match(await line(user), /CONNECT_REFUSED/);
      await user.end();
      assert.equal(await user.ending(), "end");
      assert.deepEqual(client.failures, ["CONNECT_REFUSED"]);
    });

  it("is told by the far end's word that the backend is down, whatever it has said", async () => {
    const { client } = await startPair(await closedPort(), "auto");
    const user = await connectTo(scope, client);
    user.write(SET);
    assert.match(await line(user), /^-ERR tunnel "test": BACKEND_DOWN: the far end says .* check the service/);
    assert.equal((await client.failure()) as string, "BACKEND_DOWN");
  });

  it("on spiped's wire is told that the backend is probably down if it has only asked, and is closed if it may have changed something", async () => {
    const { client } = await startPair(await closedPort(), "spiped");
    const asks = await connectTo(scope, client);
    asks.write(PING);
    assert.match(await line(asks), /^-ERR tunnel "test": BACKEND_DOWN: /);
    const changes = await connectTo(scope, client);
    changes.write(SET);
    assert.equal(await changes.ending(), "reset");
    await assert.rejects(changes.read(1));
  });

  it("is told of a wrong key, and of a limit", async () => {
    const server = await startEnd(scope, { role: "server", target: backend.port, keys: ["other"] });
    const wrong = await startEnd(scope, { role: "client", target: server.port, service: "redis" });
    const user = await connectTo(scope, wrong);
    user.write(PING);
    assert.match(await line(user), /^-ERR tunnel "test": (KEY_MISMATCH|PEER_CLOSED)/);

    const { client } = await startPair(backend.port, "auto", { maxConnections: 1 });
    const first = await connectTo(scope, client);
    first.write(PING);
    await (await backend.accept()).read(PING.length);
    const second = await connectTo(scope, client);
    second.write(PING);
    assert.match(await line(second), /^-ERR tunnel "test": LIMIT_REACHED/);
  });

  it("is told of a limit at the far end", async () => {
    const server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", maxConnections: 1 });
    const client = await startEnd(scope, { role: "client", target: server.port, wire: "auto", service: "redis" });
    const first = await connectTo(scope, client);
    first.write(PING);
    await (await backend.accept()).read(PING.length);
    const second = await connectTo(scope, client);
    second.write(SET);
    assert.match(await line(second), /^-ERR tunnel "test": LIMIT_REACHED/);
  });

  it("that speaks MySQL gets an error as the first packet, and the end", async () => {
    const client = await startEnd(scope, { role: "client", target: await closedPort(), service: "mysql" });
    const user = await connectTo(scope, client);
    const [low = 0, high = 0, , sequence, mark] = await user.read(5);
    assert.deepEqual([sequence, mark], [0, 0xff]);
    assert.match(Buffer.from(await user.read(low + 256 * high - 1)).toString("latin1"), /#08S01tunnel "test": CONNECT_REFUSED/);
    assert.equal(await user.ending(), "end");
  });

  for (const service of ["redis", "mysql"] as const)
    it(`and that speaks something else than ${service} is closed without a word`, async () => {
      // A far side that hangs up only once the program has spoken.
      const client = await startEnd(scope, { role: "client", target: backend.port, service });
      const user = await connectTo(scope, client);
      const farSide = await backend.accept();
      user.write(ascii("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
      await farSide.read(32);
      await farSide.end();
      await user.ending();
      await assert.rejects(user.read(1));
    });

  for (const wire of ["auto", "spiped"] as const)
    it(`and whose service ends the connection without a word sees that end, if it may have changed something: on ${wire}`, async () => {
      const { client } = await startPair(backend.port, wire);
      const user = await connectTo(scope, client);
      user.write(ascii("*1\r\n$8\r\nSHUTDOWN\r\n"));
      const service = await backend.accept();
      await service.read(18);
      await service.end();
      assert.equal(await user.ending(), "end");
      await assert.rejects(user.read(1));
    });

  it("is told nothing once the service has answered", async () => {
    const server = await startEnd(scope, { role: "server", target: backend.port, wire: "auto" });
    const network = await startNetwork(scope, server.port);
    const client = await startEnd(scope, { role: "client", target: network.port, wire: "auto", service: "redis" });
    const user = await connectTo(scope, client);
    user.write(PING);
    const service = await backend.accept();
    await service.read(PING.length);
    service.write(ascii("+PONG\r\n"));
    assert.equal(await line(user), "+PONG");
    user.write(PING);
    network.cut("reset");
    assert.equal(await user.ending(), "reset");
    await assert.rejects(user.read(1));
  });

  it("is told nothing when the tunnel is closed", async () => {
    const { client } = await startPair(backend.port, "auto");
    const user = await connectTo(scope, client);
    user.write(PING);
    await (await backend.accept()).read(PING.length);
    client.forwarder.close();
    await user.ending();
    await assert.rejects(user.read(1));
  });

  it("and that stays silent after its answer is closed soon, as the tunnel may work again; all are closed with the port", async () => {
    const client = await startEnd(scope, { role: "client", target: await closedPort(), service: "redis" });
    const user = await connectTo(scope, client);
    user.write(PING);
    await line(user);
    assert.equal(await user.ending(), "end");
    const other = await connectTo(scope, client);
    other.write(PING);
    await line(other);
    client.forwarder.close();
    assert.notEqual(await other.ending(), undefined);
  });

  it("is closed at once when this process is out of descriptors", async () => {
    const client = await startEnd(scope, { role: "client", target: backend.port, service: "redis", descriptors: new Descriptors(() => false) });
    const user = await connectTo(scope, client);
    await user.ending();
    await assert.rejects(user.read(1));
    assert.deepEqual(client.failures, ["LIMIT_REACHED"]);
  });

  it("is closed as before when too many are being told", async () => {
    const client = await startEnd(scope, { role: "client", target: await closedPort(), service: "redis", maxConnections: 1_000 });
    const users: Peer[] = [];
    for (let count = 0; count < 256; count++) {
      const user = await connectTo(scope, client);
      user.write(PING);
      users.push(user);
    }
    const answered = Promise.all(users.map(line));
    await answered;
    const tooMany = await connectTo(scope, client);
    tooMany.write(PING);
    assert.equal(await tooMany.ending(), "reset");
    await assert.rejects(tooMany.read(1));
  });
});
