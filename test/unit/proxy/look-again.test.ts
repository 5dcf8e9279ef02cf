/** A client end whose far side closes on the proof of the key: it connects once more, holds the proof back, and its client notices nothing. */
import assert from "node:assert/strict";
import type { ForwardSecrecy } from "../../../daemon/protocol/handshake.ts";
import { SecondLook } from "../../../daemon/proxy/second-look.ts";
import { systemClock } from "../../../shared/time.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { type End, makeRoute, shakeAsServer, startEnd } from "../../support/wire/ends.ts";
import { handshake } from "../../support/wire/handshakes.ts";
import { type Backend, connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

describe("a client end whose far side closes on its proof", () => {
  const scope = stageForEach();

  async function clientEnd(forwardSecrecy: ForwardSecrecy = "prefer"): Promise<{ readonly far: Backend; readonly end: End }> {
    const far = await startBackend(scope);
    const options = { role: "client", target: far.port, forwardSecrecy } as const;
    const end = await startEnd(scope, options, [{ ...makeRoute(scope, options), secondLook: new SecondLook(systemClock) }]);
    return { far, end };
  }

  /** Takes a connection up to C4 and closes it. */
  async function closeOnProof(wire: Peer): Promise<void> {
    wire.write(handshake("server").start());
    await wire.read(320);
    await wire.end();
  }

  it("says BACKEND_DOWN when the second connection closes while the proof is held back, and never sends the proof", async () => {
    const { far, end } = await clientEnd();
    const user = await connectTo(scope, end);
    await closeOnProof(await far.accept());
    const second = await far.accept();
    second.write(handshake("server").start());
    await second.end();
    await user.ending();
    await second.ending();
    assert.deepEqual([end.failures, second.unread.length], [["BACKEND_DOWN"], 32]);
  });

  it("says KEY_MISMATCH when the second connection stays open until it gets the proof", async () => {
    const { far, end } = await clientEnd();
    const user = await connectTo(scope, end);
    await closeOnProof(await far.accept());
    await closeOnProof(await far.accept());
    await user.ending();
    assert.deepEqual([end.failures, end.stats.total, end.stats.opening], [["KEY_MISMATCH"], 1, 0]);
  });

  it("goes on with the second connection when that works, with all data its client has sent, and reports no failure", async () => {
    const { far, end } = await clientEnd();
    const user = await connectTo(scope, end);
    user.write(ascii("question"));
    await closeOnProof(await far.accept());
    const fromMs = performance.now();
    const second = await shakeAsServer(await far.accept());
    sameBytes(await second.receive(), ascii("question"));
    second.send(ascii("answer"));
    sameBytes(await user.read(6), ascii("answer"));
    assert.deepEqual([end.failures, end.stats.total, end.stats.open], [[], 1, 1]);
    const besideMs = performance.now() - fromMs - end.stats.handshake.lastMs;
    assert.ok(besideMs >= 300, `${besideMs} ms: what it waited on purpose is no part of the handshake's time`);
  });

  it("looks once for all its connections, also for those that come a little later", async () => {
    const { far, end } = await clientEnd();
    const users = [await connectTo(scope, end), await connectTo(scope, end)];
    await Promise.all([closeOnProof(await far.accept()), closeOnProof(await far.accept())]);
    const look = await far.accept();
    look.write(handshake("server").start());
    await look.end();
    for (const user of users) await user.ending();
    users.push(await connectTo(scope, end));
    await closeOnProof(await far.accept());
    await users[2]?.ending();
    assert.deepEqual([end.failures, far.peers.length], [["BACKEND_DOWN", "BACKEND_DOWN", "BACKEND_DOWN"], 4]);
  });

  it("leaves the look to another connection when its own is cut off", async () => {
    const { far, end } = await clientEnd();
    await connectTo(scope, end);
    await closeOnProof(await far.accept());
    await far.accept();
    const waiting = await connectTo(scope, end);
    await closeOnProof(await far.accept());
    const [looking] = end.forwarder.connections;
    looking?.drop({ kind: "cancelled" });
    const second = await far.accept();
    second.write(handshake("server").start());
    await second.end();
    await waiting.ending();
    assert.deepEqual(end.failures, ["BACKEND_DOWN"]);
  });

  it("says why it can't connect again, when it can't", async () => {
    const { far, end } = await clientEnd();
    const user = await connectTo(scope, end);
    const first = await far.accept();
    far.server.close();
    await closeOnProof(first);
    await user.ending();
    assert.deepEqual(end.failures, ["CONNECT_REFUSED"]);
  });

  it("says NOT_SPIPED when more than a nonce comes while the proof is held back", async () => {
    const { far, end } = await clientEnd();
    const user = await connectTo(scope, end);
    await closeOnProof(await far.accept());
    const second = await far.accept();
    second.write(handshake("server").start());
    await second.read(32);
    second.write(ascii("and more"));
    await user.ending();
    assert.deepEqual([end.failures, second.unread.length], [["NOT_SPIPED"], 0]);
  });

  it("says FORWARD_SECRECY_REFUSED when the far side takes the same key with forward secrecy, which is off here", async () => {
    const { far, end } = await clientEnd("off");
    const user = await connectTo(scope, end);
    await closeOnProof(await far.accept());
    const second = await far.accept();
    const server = handshake("server", { forwardSecrecy: "require" });
    second.write(server.start());
    second.write(server.receive(await second.read(320)).send ?? assert.fail("no S5"));
    await user.ending();
    assert.deepEqual(end.failures, ["FORWARD_SECRECY_REFUSED"]);
  });
});
