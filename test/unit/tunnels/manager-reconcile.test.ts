/** What a changed file, key or approval does to tunnels that run. */
import assert from "node:assert/strict";
import { stageForEach } from "../../support/stage.ts";
import { APP, Managed, portOf } from "../../support/tunnels/managed.ts";
import { oneEntry } from "../../support/tunnels-json.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { startEnd } from "../../support/wire/ends.ts";
import { type Backend, closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

const CACHE = { configPath: APP, name: "cache" };

describe("a manager", () => {
  const scope = stageForEach();

  /** A backend behind a far end with these keys; `target` leads there. */
  async function farEnd(keys: readonly string[] = ["one"]): Promise<{ readonly backend: Backend; readonly target: string }> {
    const backend = await startBackend(scope);
    const { port } = await startEnd(scope, { role: "server", target: backend.port, keys });
    return { backend, target: `127.0.0.1:${port}` };
  }

  async function opened(entry: Readonly<Record<string, unknown>> = {}): Promise<Managed> {
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: entry });
    await managed.want(managed.client(), APP, "cache");
    return managed;
  }

  it("gives new connections the changed target while old ones stay with the old", async () => {
    const [old, changed] = [await farEnd(), await farEnd()];
    const managed = await opened({ target: old.target });
    const { port } = portOf(managed.status(APP, "cache"));
    const early = await connectTo(scope, { port });
    const oldService = await old.backend.accept();
    oldService.write(ascii("1"));
    await early.read(1);
    await managed.reaches(APP, "cache", "verified");
    await managed.rewrite(APP, { cache: { target: changed.target } });
    const status = managed.status(APP, "cache");
    assert.deepEqual([status.state, status.target, status.openConnections, status.totalConnections], ["listening", changed.target, 1, 1]);
    oldService.write(ascii("2"));
    await early.read(1);
    assert.equal(managed.status(APP, "cache").state, "listening", "the old connection is no evidence for the new target");
    const late = await connectTo(scope, { port });
    (await changed.backend.accept()).write(ascii("new"));
    sameBytes(await late.read(3), ascii("new"));
    await managed.reaches(APP, "cache", "verified");
    assert.deepEqual([managed.status(APP, "cache").openConnections, managed.status(APP, "cache").plainInBytes], [2, 5]);
  });

  it("keeps what was proved when a change does not concern the way to the backend", async () => {
    const { backend, target } = await farEnd();
    const managed = await opened({ target });
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    (await backend.accept()).write(ascii("1"));
    await user.read(1);
    await managed.reaches(APP, "cache", "verified");
    await managed.rewrite(APP, { cache: { target, maxConnections: 1 } });
    assert.equal(managed.status(APP, "cache").state, "verified");
    await (await connectTo(scope, portOf(managed.status(APP, "cache")))).ending();
    assert.equal(managed.status(APP, "cache").refused["LIMIT_REACHED"], 1, "but it holds");
  });

  it("does not touch the tunnels whose entries have not changed", async () => {
    const { backend, target } = await farEnd();
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: { target }, other: {} });
    await managed.want(managed.client(), APP, "cache", "other");
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    const service = await backend.accept();
    const tunnel = managed.manager.running.find(({ plan }) => plan.name === "cache");
    await managed.rewrite(APP, { other: { target: "127.0.0.1:2" }, cache: { target }, more: {} });
    assert.ok(tunnel && managed.manager.running.includes(tunnel));
    service.write(ascii("same"));
    sameBytes(await user.read(4), ascii("same"));
  });

  it("moves a tunnel to its changed listen address and lets connections at the old one end by themselves", async () => {
    const { backend, target } = await farEnd();
    const managed = await opened({ target });
    const before = portOf(managed.status(APP, "cache"));
    const user = await connectTo(scope, before);
    const service = await backend.accept();
    const listen = await closedPort();
    await managed.rewrite(APP, { cache: { target, listen } });
    assert.deepEqual([managed.status(APP, "cache").listen, managed.status(APP, "cache").openConnections], [`127.0.0.1:${listen}`, 1]);
    await assert.rejects(connectTo(scope, before));
    service.write(ascii("old"));
    sameBytes(await user.read(3), ascii("old"));
  });

  it("turns a client tunnel into a server tunnel at the same port", async () => {
    const listen = await closedPort();
    const managed = await opened({ listen });
    await managed.rewrite(APP, { cache: { listen, role: "server" } });
    assert.deepEqual([managed.status(APP, "cache").role, managed.status(APP, "cache").state], ["server", "listening"]);
  });

  it("keeps what runs when the file is broken, and says where the file is broken", async () => {
    const { target } = await farEnd();
    const managed = await opened({ target });
    managed.house.writeText(APP, '{\n  "version": 1,\n  "tunnels": {');
    await managed.fileChanged(APP);
    const { state, lastFailure } = managed.status(APP, "cache");
    assert.deepEqual([state, lastFailure?.code], ["listening", "CONFIG_INVALID"]);
    assert.match(lastFailure?.message ?? "", new RegExp(`^${APP}:3:`));
    await managed.rewrite(APP, { cache: { target } });
    assert.equal(managed.status(APP, "cache").lastFailure, undefined);
  });

  it("keeps what runs when the entry has a fault, and opens nothing from it", async () => {
    const managed = await opened();
    managed.house.writeText(APP, oneEntry({ listen: 0, target: "no port" }));
    await managed.fileChanged(APP);
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").lastFailure?.code], ["listening", "CONFIG_INVALID"]);
    const next = new Managed(scope, managed.house);
    const [closed] = await next.want(next.client(), APP, "cache");
    assert.deepEqual([closed?.state, closed?.lastFailure?.code], ["closed", "CONFIG_INVALID"]);
  });

  it("drains a tunnel whose entry has been removed, and opens it again when it is back", async () => {
    const { backend, target } = await farEnd();
    const managed = await opened({ target });
    const where = portOf(managed.status(APP, "cache"));
    const user = await connectTo(scope, where);
    const service = await backend.accept();
    await managed.rewrite(APP, {});
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").openConnections], ["draining", 1]);
    await assert.rejects(connectTo(scope, where));
    await Promise.all([user.end(), service.end()]);
    await managed.reaches(APP, "cache", "closed");
    await managed.rewrite(APP, { cache: { target } });
    assert.deepEqual(portOf(managed.status(APP, "cache")), where);
  });

  it("shows where a tunnel that waits for its key will listen, also when its entry has only a port", async () => {
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: { key: "late", listen: 23_801 } });
    const [waiting] = await managed.want(managed.client(), APP, "cache");
    assert.deepEqual([waiting?.state, waiting?.listen], ["waiting-for-key", "127.0.0.1:23801"]);
  });

  it("waits for a key, opens when the key appears, and asks again when the key is another one", async () => {
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: { key: "late" } });
    const [waiting] = await managed.want(managed.client(), APP, "cache");
    assert.deepEqual([waiting?.state, waiting?.lastFailure?.code], ["waiting-for-key", "KEY_NOT_FOUND"]);
    managed.house.keys.set("late", "first");
    await managed.manager.refresh(() => true);
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").keyFingerprints], ["listening", ["print of first"]]);
    managed.approveAll = false;
    managed.house.keys.set("late", "second");
    await managed.manager.refresh(() => true);
    const pending = managed.status(APP, "cache");
    assert.deepEqual([pending.state, pending.lastFailure?.code, pending.keyFingerprints], ["listening", "NOT_APPROVED", ["print of first"]]);
    assert.deepEqual(managed.asked.at(-1)?.keys, [{ source: "late", fingerprint: "print of second" }]);
  });

  it("lets the old approved entry run until the changed one is approved", async () => {
    const managed = await opened({ target: "127.0.0.1:1" });
    managed.approveAll = false;
    await managed.rewrite(APP, { cache: { target: "127.0.0.1:2" } });
    const pending = managed.status(APP, "cache");
    assert.deepEqual([pending.state, pending.target, pending.lastFailure?.code], ["listening", "127.0.0.1:1", "NOT_APPROVED"]);
    const [facts] = managed.asked;
    assert.deepEqual([managed.asked.length, facts?.target, facts?.approvedBefore], [1, "127.0.0.1:2", true]);
    await managed.manager.refresh(() => true);
    assert.equal(managed.asked.length, 1, "each form is asked for once");
    managed.house.approve(CACHE, facts?.digest ?? "");
    await managed.manager.refresh(() => true);
    assert.deepEqual([managed.status(APP, "cache").target, managed.status(APP, "cache").lastFailure], ["127.0.0.1:2", undefined]);
  });

  it("opens no tunnel that is not approved, and asks each new client", async () => {
    const managed = new Managed(scope);
    managed.approveAll = false;
    const listen = await closedPort();
    managed.house.write(APP, { cache: { listen } });
    for (const client of [managed.client(), managed.client()]) {
      const [status] = await managed.want(client, APP, "cache");
      assert.deepEqual([status?.state, status?.lastFailure?.code], ["not-approved", "NOT_APPROVED"]);
    }
    assert.equal(managed.asked.length, 2);
    assert.deepEqual(managed.manager.running, []);
    await assert.rejects(connectTo(scope, { port: listen }));
  });

  it("cuts a tunnel whose approval is taken back", async () => {
    const { backend, target } = await farEnd();
    const managed = await opened({ target });
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    await backend.accept();
    managed.approveAll = false;
    managed.house.state.approvals = [];
    await managed.manager.evict(CACHE);
    await user.ending();
    await managed.reaches(APP, "cache", "not-approved");
    assert.equal(managed.manager.openConnections, 0);
  });

  it("forgets the keys of a tunnel that has closed", async () => {
    const managed = await opened();
    const [tunnel] = managed.manager.running;
    const key = tunnel?.plan.keys[0] ?? new Uint8Array();
    assert.ok(key.some((byte) => byte !== 0));
    managed.manager.shutdown();
    assert.ok(key.every((byte) => byte === 0));
  });

  it("looks at everything again after each change, however fast the changes come", async () => {
    const managed = await opened();
    const targets = Array.from({ length: 20 }, (_, index) => `127.0.0.1:${index + 2}`);
    await Promise.all(targets.map((target) => managed.rewrite(APP, { cache: { target } })));
    assert.equal(managed.status(APP, "cache").target, targets.at(-1));
    assert.equal(managed.manager.running.length, 1);
  });

  it("opens nothing for a client that left while its tunnel was being planned", async () => {
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: {} });
    const exec = managed.client("exec");
    const opening = managed.want(exec, APP, "cache");
    managed.manager.release(exec);
    managed.house.time.pass(0);
    await opening;
    await managed.gone(APP, "cache");
    assert.deepEqual(managed.manager.running, []);
  });
});
