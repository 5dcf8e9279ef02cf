/** Client tunnels to one far side, with one key, on one session of the native wire: who comes, goes and is cut. */
import assert from "node:assert/strict";
import { NativeWays } from "../../../daemon/tunnels/native-ways.ts";
import type { TunnelPlan } from "../../../daemon/tunnels/plan.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { Solo } from "../../support/tunnels/solo.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { type End, local, startEnd } from "../../support/wire/ends.ts";
import { keyOf } from "../../support/wire/handshakes.ts";
import { type Backend, type Joined, join, startBackend } from "../../support/wire/peer.ts";

describe("tunnels that share a session of the native wire", () => {
  const scope = stageForEach();
  let backend: Backend;
  let far: End;
  let ways: NativeWays;

  beforeEach(async () => {
    backend = await startBackend(scope);
    far = await startEnd(scope, { role: "server", target: backend.port, wire: "auto", keys: ["one", "two"] });
    ways = new NativeWays();
  });

  async function open(plan: Partial<TunnelPlan> = {}): Promise<Solo> {
    const solo = new Solo(scope, { target: local(far.port), fingerprints: ["one"], ...plan }, ways);
    await solo.tunnel.open();
    return solo;
  }

  const joined = (solo: Solo): Promise<Joined> => join(scope, solo.place, backend);

  async function sockets(): Promise<number> {
    return await new Promise((resolve, reject) => far.forwarder.server.getConnections((error, count) => (error ? reject(error) : resolve(count))));
  }

  const socketsBecome = (count: number): Promise<void> => until(async () => (await sockets()) === count, { what: `the far end had ${count} sockets` });

  async function stillWorks({ user, service }: Joined): Promise<void> {
    user.write(pattern(1_000));
    sameBytes(await service.read(1_000), pattern(1_000));
  }

  it("have one connection between them, and each its own counters", async () => {
    const [first, second] = [await open(), await open()];
    await joined(first);
    await joined(second);
    await joined(second);
    assert.equal(await sockets(), 1);
    assert.deepEqual([first.tunnel.stats.open, second.tunnel.stats.open], [1, 2]);
    assert.deepEqual([first.tunnel.state, second.tunnel.state], ["verified", "verified"]);
    assert.ok(second.tunnel.stats.keyVerifiedAtMs !== undefined);
  });

  for (const [title, plan] of [
    ["another key", { keys: [keyOf("two")], fingerprints: ["two"] }],
    ["another outgoing address", { bind: { kind: "tcp", host: "127.0.0.2", port: 0 } }],
    ["a key of which nothing is known", { fingerprints: undefined }],
  ] as const)
    it(`have their own with ${title}`, async () => {
      await joined(await open());
      await joined(await open(plan));
      assert.equal(await sockets(), 2);
    });

  it("leave it to the others when one is closed, and its own streams alone are cut", async () => {
    const [first, second] = [await open(), await open()];
    const [ofFirst, ofSecond] = [await joined(first), await joined(second)];
    first.tunnel.close();
    await ofFirst.service.ending();
    await stillWorks(ofSecond);
    await joined(second);
    assert.equal(await sockets(), 1);
    second.tunnel.close();
    await socketsBecome(0);
  });

  it("end it with the last stream of one that goes elsewhere, though the other is closed before", async () => {
    const [first, second] = [await open(), await open()];
    const ofFirst = await joined(first);
    first.tunnel.reconfigure({ ...first.tunnel.plan, keys: [keyOf("two")], fingerprints: ["two"] });
    second.tunnel.close();
    await stillWorks(ofFirst);
    ofFirst.user.socket.destroy();
    await ofFirst.service.ending();
    ofFirst.service.socket.destroy();
    await socketsBecome(0);
  });

  it("drain without waiting for the others", async () => {
    const [first, second] = [await open(), await open()];
    const ofSecond = await joined(second);
    const { user, service } = await joined(first);
    const drained = first.tunnel.drain();
    user.socket.end();
    await service.ending();
    service.socket.end();
    await drained;
    await stillWorks(ofSecond);
  });
});
