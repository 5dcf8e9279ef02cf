/**
 * Who wants a tunnel, how long the tunnel stays after its clients are gone, and
 * who closes it.
 */
import assert from "node:assert/strict";
import { MAX_LEASES, MAX_PINS } from "../../../daemon/tunnels/leases.ts";
import { stageForEach } from "../../support/stage.ts";
import { APP, CLONE, LINGER_MS, Managed, portOf } from "../../support/tunnels/managed.ts";
import { ascii, sameBytes } from "../../support/wire/bytes.ts";
import { startEnd } from "../../support/wire/ends.ts";
import { closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

const refused = (error: NodeJS.ErrnoException): boolean => error.code === "ECONNREFUSED";

describe("the leases of a manager", () => {
  const scope = stageForEach();
  const CACHE = { configPath: APP, name: "cache" };

  async function oneTunnel(entry: Readonly<Record<string, unknown>> = {}) {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: { target: `127.0.0.1:${far.port}`, ...entry } });
    return { backend, managed, time: managed.house.time };
  }

  it("open a tunnel for a client and name its user", async () => {
    const { managed } = await oneTunnel();
    const window = managed.client();
    const [status] = await managed.want(window, APP, "cache");
    assert.deepEqual([status?.state, status?.users], ["listening", [window.user]]);
  });

  it("of two clients keep the tunnel when the first leaves; when both have left, it lingers, drains and is forgotten", async () => {
    const { backend, managed, time } = await oneTunnel();
    const [one, two] = [managed.client(), managed.client()];
    for (const client of [one, two]) await managed.want(client, APP, "cache");
    const where = portOf(managed.status(APP, "cache"));
    const user = await connectTo(scope, where);
    const service = await backend.accept();
    managed.manager.release(one);
    time.pass(2 * LINGER_MS);
    assert.equal(managed.status(APP, "cache").users.length, 1);
    managed.manager.release(two);
    time.pass(LINGER_MS - 1);
    assert.equal(managed.manager.isIdle, false, "it lingers");
    const late = await connectTo(scope, where);
    time.pass(1);
    await managed.reaches(APP, "cache", "draining");
    await assert.rejects(connectTo(scope, where), refused);
    service.write(ascii("alive"));
    sameBytes(await user.read(5), ascii("alive"), "a live connection is not cut");
    assert.equal(managed.status(APP, "cache").openConnections, 2);
    assert.equal(managed.manager.isIdle, false, "a connection is a reason to live");
    for (const peer of [user, late]) await peer.end();
    for (const peer of [service, await backend.accept()]) await peer.end();
    await managed.gone(APP, "cache");
    assert.equal(managed.manager.isIdle, true);
    assert.deepEqual([managed.removed.length, [...managed.watched]], [1, []]);
  });

  it("taken again within the linger find the tunnel as it was", async () => {
    const { backend, managed, time } = await oneTunnel();
    const window = managed.client();
    await managed.want(window, APP, "cache");
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    const service = await backend.accept();
    managed.manager.release(window);
    time.pass(LINGER_MS / 2);
    await managed.want(managed.client(), APP, "cache");
    time.pass(2 * LINGER_MS);
    service.write(ascii("still"));
    sameBytes(await user.read(5), ascii("still"));
  });

  it("of exec end without a linger, unless a window's linger is under way", async () => {
    const { managed, time } = await oneTunnel();
    const exec = managed.client("exec");
    await managed.want(exec, APP, "cache");
    managed.manager.release(exec);
    time.pass(0);
    await managed.gone(APP, "cache");
    const [window, again] = [managed.client(), managed.client("exec")];
    await managed.want(window, APP, "cache");
    managed.manager.release(window);
    await managed.want(again, APP, "cache");
    managed.manager.release(again);
    time.pass(LINGER_MS - 1);
    assert.equal(managed.status(APP, "cache").state, "listening");
    time.pass(1);
    await managed.gone(APP, "cache");
  });

  it("for one scope are replaced by the next ones that are stated for the scope", async () => {
    const { managed, time } = await oneTunnel();
    managed.house.write(APP, { cache: {}, other: {} });
    const window = managed.client();
    await managed.want(window, APP, "cache");
    await managed.manager.open(window, CACHE, "by hand");
    await managed.want(window, APP, "other");
    time.pass(LINGER_MS);
    assert.equal(managed.status(APP, "cache").users.length, 1, "the other scope still holds it");
    await managed.manager.set(window, { scope: "by hand", configPath: APP, names: [] });
    time.pass(LINGER_MS);
    await managed.gone(APP, "cache");
    assert.equal(managed.status(APP, "other").state, "listening");
  });

  it("leave a keepOpen tunnel open until it is closed, edited or removed", async () => {
    const { managed, time } = await oneTunnel({ keepOpen: true });
    const window = managed.client();
    const reopenAndLeave = async (): Promise<void> => {
      await managed.manager.open(window, CACHE, "s");
      managed.manager.release(window);
      time.pass(10 * LINGER_MS);
      assert.deepEqual([managed.status(APP, "cache").state, managed.manager.isIdle], ["listening", false]);
    };
    await reopenAndLeave();
    await managed.manager.close(managed.client("cli"), CACHE, false);
    await managed.gone(APP, "cache");
    await reopenAndLeave();
    await managed.rewrite(APP, { cache: {} });
    await managed.gone(APP, "cache");
    managed.house.write(APP, { cache: { keepOpen: true } });
    await reopenAndLeave();
    await managed.rewrite(APP, {});
    await managed.gone(APP, "cache");
    assert.equal(managed.manager.isIdle, true);
  });

  it("leave a keepOpen tunnel open in the daemon that takes over, whether its window has gone before or goes meanwhile", async () => {
    for (const goes of ["before", "meanwhile"]) {
      const { managed } = await oneTunnel({ keepOpen: true });
      const window = managed.client();
      const [opened] = await managed.want(window, APP, "cache");
      if (goes === "before") managed.manager.release(window);
      const { kept } = managed.manager;
      managed.manager.shutdown();
      const next = new Managed(scope, managed.house);
      await next.manager.start([], kept);
      assert.deepEqual([next.status(APP, "cache").state, next.status(APP, "cache").listen, next.manager.isIdle], ["listening", opened?.listen, false]);
      next.manager.shutdown();
    }
  });

  it("hand over no tunnel that is closed, only leased, or was wanted by a command", async () => {
    const managed = new Managed(scope);
    managed.house.write(APP, { closed: { keepOpen: true }, leased: {}, passing: { keepOpen: true } });
    const window = managed.client();
    await managed.want(window, APP, "closed", "leased");
    await managed.want(managed.client("exec"), APP, "passing");
    await managed.manager.close(window, { configPath: APP, name: "closed" }, true);
    assert.deepEqual(managed.manager.kept, []);
  });

  it("keep no daemon alive for a keepOpen tunnel that never opened", async () => {
    const { managed, time } = await oneTunnel({ keepOpen: true, key: "missing" });
    const window = managed.client();
    await managed.want(window, APP, "cache");
    managed.manager.release(window);
    time.pass(LINGER_MS);
    await managed.gone(APP, "cache");
  });

  it("don't reopen a tunnel that the user closed, even after a restart of the daemon, until it is opened by hand", async () => {
    const { managed } = await oneTunnel();
    const window = managed.client();
    await managed.want(window, APP, "cache");
    assert.deepEqual(await managed.manager.close(window, CACHE, false), { closed: true, othersUsing: [] });
    const [again] = await managed.want(window, APP, "cache");
    assert.deepEqual([again?.state, again?.closedByUser], ["closed", true]);
    managed.manager.shutdown();
    const next = new Managed(scope, managed.house);
    const [later] = await next.want(next.client(), APP, "cache");
    assert.deepEqual([later?.state, later?.closedByUser], ["closed", true]);
    assert.equal(next.manager.isIdle, true, "a closed tunnel keeps no daemon alive");
    const opened = await next.manager.open(next.client(), CACHE, "s");
    assert.deepEqual([opened.state, opened.closedByUser, next.house.state.closed], ["listening", false, []]);
  });

  it("let live connections of a closed tunnel go on, until it is told to cut them", async () => {
    const { backend, managed } = await oneTunnel();
    const window = managed.client();
    await managed.want(window, APP, "cache");
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    const service = await backend.accept();
    assert.equal((await managed.manager.close(window, CACHE, false)).closed, true);
    service.write(ascii("alive"));
    sameBytes(await user.read(5), ascii("alive"), "it was not cut");
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").openConnections], ["draining", 1]);
    assert.equal((await managed.manager.close(window, CACHE, false, true)).closed, true);
    await user.ending();
    await managed.gone(APP, "cache");
  });

  it("ask before one client closes what others use, and obey force", async () => {
    const { managed } = await oneTunnel();
    const [one, two] = [managed.client(), managed.client()];
    for (const client of [one, two]) await managed.want(client, APP, "cache");
    assert.deepEqual(await managed.manager.close(one, CACHE, false), { closed: false, othersUsing: [two.user] });
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").users], ["listening", [one.user, two.user]], "nothing has changed");
    assert.deepEqual(await managed.manager.close(one, CACHE, true), { closed: true, othersUsing: [two.user] });
    assert.deepEqual([managed.status(APP, "cache").state, managed.status(APP, "cache").closedByUser], ["closed", true]);
  });

  it("close a tunnel that another workspace shares only with force, and then for both", async () => {
    const { managed } = await oneTunnel();
    const listen = await closedPort();
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: { listen } });
    const [one, two] = [managed.client(), managed.client()];
    await managed.want(one, APP, "cache");
    await managed.want(two, CLONE, "cache");
    assert.deepEqual(await managed.manager.close(one, CACHE, false), { closed: false, othersUsing: [two.user] });
    assert.equal(managed.status(CLONE, "cache").state, "listening");
    assert.equal((await managed.manager.close(one, CACHE, true)).closed, true);
    assert.equal(managed.status(CLONE, "cache").state, "closed");
    await assert.rejects(connectTo(scope, { port: listen }), refused);
  });

  it("are not needed by a pin, which outlives the daemon until it is taken back", async () => {
    const { managed } = await oneTunnel();
    const pinned = await managed.manager.pin(CACHE);
    assert.deepEqual([pinned.state, pinned.pinned, managed.manager.isIdle], ["listening", true, false]);
    assert.deepEqual(managed.house.state.pins, [{ ...CACHE, digest: managed.house.state.approvals[0]?.digest }]);
    managed.manager.shutdown();
    const next = new Managed(scope, managed.house);
    await next.manager.start();
    assert.deepEqual([next.status(APP, "cache").state, next.status(APP, "cache").listen], ["listening", pinned.listen]);
    assert.deepEqual([await next.manager.unpin(CACHE), await next.manager.unpin(CACHE)], [true, false]);
    await next.gone(APP, "cache");
    assert.deepEqual(next.house.state.pins, []);
  });

  it("refuse to act on a tunnel that nobody has opened", async () => {
    const managed = new Managed(scope);
    for (const act of [() => managed.manager.restart(CACHE), () => managed.manager.probe(CACHE), () => managed.manager.close(managed.client(), CACHE, true)]) {
      await assert.rejects(act(), { code: "CONFIG_INVALID" });
    }
  });

  it("have a limit for each client, and a request beyond the limit changes nothing", async () => {
    const managed = new Managed(scope);
    const [greedy, other] = [managed.client(), managed.client()];
    const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);
    const set = (where: string, count: number) => managed.manager.set(greedy, { scope: where, configPath: APP, names: names(count) });
    await set("a", MAX_LEASES - 1);
    await set("b", 1);
    for (const more of [() => set("b", 2), () => set("c", 1), () => managed.manager.open(greedy, CACHE, "c")])
      await assert.rejects(more(), { code: "LIMIT_REACHED" });
    assert.equal(managed.manager.list().filter(({ users }) => users.length > 0).length, MAX_LEASES - 1);
    await managed.want(other, APP, "cache");
    await managed.manager.open(greedy, { configPath: APP, name: "n0" }, "b");
    await set("a", 1);
    await set("b", 2);
  });

  it("and pins have a limit, which does not apply to a tunnel that is pinned already", async () => {
    const managed = new Managed(scope);
    managed.house.state.pins = Array.from({ length: MAX_PINS }, (_, index) => ({ configPath: APP, name: `n${index}` }));
    await assert.rejects(managed.manager.pin(CACHE), { code: "LIMIT_REACHED" });
    await managed.manager.pin({ configPath: APP, name: "n0" });
    assert.equal(managed.house.state.pins.length, MAX_PINS);
  });

  it("survive a restart of the tunnel, whose connections are cut", async () => {
    const { backend, managed } = await oneTunnel();
    await managed.want(managed.client(), APP, "cache");
    const { listen } = managed.status(APP, "cache");
    const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
    await backend.accept();
    const restarted = await managed.manager.restart(CACHE);
    assert.deepEqual([restarted.state, restarted.listen, restarted.openConnections], ["listening", listen, 0]);
    await user.ending();
  });

  for (const [what, code, spoil] of [
    ["its key is gone", "KEY_NOT_FOUND", ({ house }: Managed) => void house.keys.delete("one")],
    ["its file is broken", "CONFIG_INVALID", ({ house }: Managed) => house.writeText(APP, "{")],
    ["its entry is gone", "CONFIG_INVALID", ({ house }: Managed) => house.write(APP, {})],
    [
      "it is not approved as it stands",
      "NOT_APPROVED",
      (managed: Managed) => {
        managed.approveAll = false;
        managed.house.write(APP, { cache: { target: "127.0.0.1:2" } });
      },
    ],
  ] as const) {
    it(`survive a restart that could not open the tunnel again, with its connections: ${what}`, async () => {
      const { backend, managed } = await oneTunnel();
      await managed.want(managed.client(), APP, "cache");
      const user = await connectTo(scope, portOf(managed.status(APP, "cache")));
      const service = await backend.accept();
      spoil(managed);
      await assert.rejects(managed.manager.restart(CACHE), { code });
      service.write(ascii("alive"));
      sameBytes(await user.read(5), ascii("alive"), "it was not cut");
      assert.equal(managed.status(APP, "cache").state, "verified");
    });
  }

  it("open nothing any more once the manager drains", async () => {
    const { managed } = await oneTunnel();
    const window = managed.client();
    await managed.want(window, APP, "cache");
    const where = portOf(managed.status(APP, "cache"));
    await managed.manager.drain();
    await assert.rejects(connectTo(scope, where), refused);
    managed.house.write(CLONE, { other: {} });
    const [other] = await managed.want(window, CLONE, "other");
    assert.equal(other?.state, "closed");
  });
});
