/** Who may listen where: sharing, rivals, busy ports, ports picked once, unix sockets. */
import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { APP, CLONE, LINGER_MS, Managed, portOf } from "../../support/tunnels/managed.ts";
import { startEnd } from "../../support/wire/ends.ts";
import { closedPort, connectTo, startBackend, temporaryFolder } from "../../support/wire/peer.ts";

describe("where a manager's tunnels listen", () => {
  const scope = stageForEach();

  /** Somebody else's listener. */
  async function occupy(port: number): Promise<net.Server> {
    const server = net.createServer().listen(port, "127.0.0.1");
    scope.own(server, (open) => void open.close());
    await new Promise((resolve) => server.once("listening", resolve));
    return server;
  }

  it("is one place for the same definition in two workspaces", async () => {
    const backend = await startBackend(scope);
    const far = await startEnd(scope, { role: "server", target: backend.port });
    const managed = new Managed(scope);
    const listen = await closedPort();
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: { listen, target: `127.0.0.1:${far.port}` } });
    const [one, two] = [managed.client(), managed.client()];
    await managed.want(one, APP, "cache");
    await managed.want(two, CLONE, "cache");
    await connectTo(scope, { port: listen });
    await backend.accept();
    assert.equal(managed.manager.running.length, 1);
    assert.deepEqual([managed.status(APP, "cache").openConnections, managed.status(CLONE, "cache").openConnections], [1, 1]);
    managed.manager.release(one);
    managed.house.time.pass(LINGER_MS);
    await managed.gone(APP, "cache");
    assert.deepEqual([managed.manager.running.length, managed.status(CLONE, "cache").openConnections], [1, 1]);
  });

  it("is refused to another definition, with the other workspace's name, until the first tunnel is gone", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    managed.house.write(APP, { cache: { listen } });
    managed.house.write(CLONE, { store: { listen, target: "127.0.0.1:2" } });
    const [one, two] = [managed.client(), managed.client()];
    await managed.want(one, APP, "cache");
    const [refused] = await managed.want(two, CLONE, "store");
    assert.deepEqual([refused?.state, refused?.lastFailure?.code], ["port-busy", "LISTEN_IN_USE"]);
    assert.match(refused?.lastFailure?.message ?? "", new RegExp(`"cache" of ${APP}`));
    managed.manager.release(one);
    managed.house.time.pass(LINGER_MS);
    const opened = await managed.reaches(CLONE, "store", "listening");
    assert.deepEqual([opened.listen, opened.lastFailure], [`127.0.0.1:${listen}`, undefined]);
  });

  it("is refused at one address of a port that another tunnel has at all addresses", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    managed.house.write(APP, { wide: { listen: `0.0.0.0:${listen}` } });
    managed.house.write(CLONE, { narrow: { listen, target: "127.0.0.1:2" } });
    await managed.want(managed.client(), APP, "wide");
    const [refused] = await managed.want(managed.client(), CLONE, "narrow");
    assert.match(refused?.lastFailure?.message ?? "", /"wide" of/);
  });

  it("on every IPv4 address leaves IPv6 addresses to others, while :: does not", async function () {
    const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));
    if (!hasIpv6) this.skip();
    const managed = new Managed(scope);
    const [one, two] = [await closedPort(), await closedPort()];
    managed.house.write(APP, { wide: { listen: `0.0.0.0:${one}` }, widest: { listen: `[::]:${two}` } });
    managed.house.write(CLONE, { beside: { listen: `[::1]:${one}`, target: "127.0.0.1:2" }, within: { listen: two, target: "127.0.0.1:2" } });
    await managed.want(managed.client(), APP, "wide", "widest");
    const [beside, within] = await managed.want(managed.client(), CLONE, "beside", "within");
    assert.deepEqual([beside?.state, within?.state, within?.lastFailure?.code], ["listening", "port-busy", "LISTEN_IN_USE"]);
  });

  it("follows its two workspaces to a new definition once both have it", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: { listen } });
    await managed.want(managed.client(), APP, "cache");
    await managed.want(managed.client(), CLONE, "cache");
    await managed.rewrite(APP, { cache: { listen, target: "127.0.0.1:2" } });
    assert.deepEqual([managed.status(APP, "cache").lastFailure?.code, managed.status(APP, "cache").target], ["LISTEN_IN_USE", "127.0.0.1:1"]);
    await managed.rewrite(CLONE, { cache: { listen, target: "127.0.0.1:2" } });
    for (const file of [APP, CLONE]) {
      const { target, lastFailure, state } = managed.status(file, "cache");
      assert.deepEqual([target, lastFailure, state], ["127.0.0.1:2", undefined, "listening"]);
    }
    assert.equal(managed.manager.running.length, 1);
  });

  it("follows one workspace to its new definition when the other lets go", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: { listen } });
    const [one, two] = [managed.client(), managed.client("exec")];
    await managed.want(one, APP, "cache");
    await managed.want(two, CLONE, "cache");
    await managed.rewrite(APP, { cache: { listen, target: "127.0.0.1:2" } });
    managed.manager.release(two);
    managed.house.time.pass(0);
    await until(() => managed.status(APP, "cache").target === "127.0.0.1:2", { what: "the new definition ran" });
    assert.equal(managed.status(APP, "cache").lastFailure, undefined);
  });

  it("is retried with growing waits while another program has it, and reported once", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    const other = await occupy(listen);
    managed.house.write(APP, { cache: { listen } });
    const [busy] = await managed.want(managed.client(), APP, "cache");
    assert.deepEqual([busy?.state, busy?.lastFailure?.code, busy?.lastFailure?.count], ["port-busy", "LISTEN_IN_USE", 1]);
    const { time } = managed.house;
    const tries = (): number => managed.status(APP, "cache").lastFailure?.count ?? 0;
    time.pass(499);
    assert.equal(time.pending, 1, "the first retry is not due before half a second");
    time.pass(126);
    await until(() => tries() === 2, { what: "it was tried again" });
    time.pass(999);
    assert.equal(time.pending, 1, "the second waits twice as long");
    time.pass(251);
    await until(() => tries() === 3, { what: "it was tried a third time" });
    await new Promise((resolve) => other.close(resolve));
    time.pass(2_500);
    const opened = await managed.reaches(APP, "cache", "listening");
    assert.equal(opened.lastFailure, undefined);
    assert.deepEqual(
      managed.remarks.map(({ level, code }) => [level, code]),
      [
        ["warn", "LISTEN_IN_USE"],
        ["info", undefined],
      ],
    );
  });

  it("is given up when a tunnel with a busy port is no longer wanted", async () => {
    const managed = new Managed(scope);
    const listen = await closedPort();
    await occupy(listen);
    managed.house.write(APP, { cache: { listen } });
    const exec = managed.client("exec");
    await managed.want(exec, APP, "cache");
    managed.manager.release(exec);
    managed.house.time.pass(0);
    await managed.gone(APP, "cache");
    assert.equal(managed.house.time.pending, 0);
  });

  it("with port 0 is picked once and kept, also when the entry changes or the daemon restarts", async () => {
    const managed = new Managed(scope);
    managed.house.write(APP, { cache: {} });
    const [opened] = await managed.want(managed.client(), APP, "cache");
    assert.ok(opened);
    assert.deepEqual(managed.house.state.ports, [{ configPath: APP, name: "cache", ...portOf(opened) }]);
    await managed.rewrite(APP, { cache: { target: "127.0.0.1:2" } });
    assert.deepEqual([managed.status(APP, "cache").listen, managed.status(APP, "cache").target], [opened.listen, "127.0.0.1:2"]);
    managed.manager.shutdown();
    const next = new Managed(scope, managed.house);
    const [again] = await next.want(next.client(), APP, "cache");
    assert.equal(again?.listen, opened.listen);
  });

  it("with port 0 in two workspaces is shared by the workspace that has no port yet, and kept by both", async () => {
    const managed = new Managed(scope);
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: {} });
    const [one] = await managed.want(managed.client(), APP, "cache");
    const [two] = await managed.want(managed.client(), CLONE, "cache");
    assert.equal(two?.listen, one?.listen);
    assert.equal(managed.house.state.ports.length, 2);
  });

  it("with port 0 stays the same for each of two workspaces that had their own port", async () => {
    const managed = new Managed(scope);
    const kept = [APP, CLONE].map((configPath) => ({ configPath, name: "cache" }));
    const ports = [await closedPort(), await closedPort()];
    managed.house.state.ports = kept.map((ref, index) => ({ ...ref, port: ports[index] ?? 0 }));
    for (const file of [APP, CLONE]) managed.house.write(file, { cache: {} });
    const [one] = await managed.want(managed.client(), APP, "cache");
    const [two] = await managed.want(managed.client(), CLONE, "cache");
    assert.deepEqual(
      [one?.listen, two?.listen],
      ports.map((port) => `127.0.0.1:${port}`),
    );
  });

  it("at a unix socket is remembered as ours only while the socket is there", async () => {
    const managed = new Managed(scope);
    const path = join(temporaryFolder(scope), "s");
    managed.house.write(APP, { cache: { listen: path } });
    const exec = managed.client("exec");
    await managed.want(exec, APP, "cache");
    assert.deepEqual([managed.house.state.sockets, existsSync(path)], [[path], true]);
    managed.manager.release(exec);
    managed.house.time.pass(0);
    await managed.gone(APP, "cache");
    assert.deepEqual([managed.house.state.sockets, existsSync(path)], [[], false]);
  });

  it("at a unix socket is open only to this user for a client's entry, and to any holder of the key for a server's", async function () {
    if (process.platform === "win32") this.skip();
    const managed = new Managed(scope);
    const folder = temporaryFolder(scope);
    const sockets = { client: join(folder, "c"), server: join(folder, "s") };
    managed.house.write(APP, { client: { listen: sockets.client }, server: { role: "server", listen: sockets.server } });
    const umask = process.umask(0);
    try {
      await managed.want(managed.client(), APP, "client", "server");
    } finally {
      process.umask(umask);
    }
    assert.deepEqual([statSync(sockets.client).mode & 0o777, statSync(sockets.server).mode & 0o777], [0o600, 0o777]);
  });

  it("at somebody else's file is refused, and the file does not count as ours afterwards", async () => {
    const managed = new Managed(scope);
    const path = join(temporaryFolder(scope), "s");
    writeFileSync(path, "precious");
    managed.house.write(APP, { cache: { listen: path } });
    const [busy] = await managed.want(managed.client(), APP, "cache");
    assert.deepEqual([busy?.state, busy?.lastFailure?.code, managed.house.state.sockets], ["port-busy", "LISTEN_IN_USE", []]);
    managed.manager.shutdown();
    assert.deepEqual([existsSync(path), managed.house.state.sockets], [true, []]);
  });

  it("is taken over from the previous daemon if it is wanted, and closed if it is not", async () => {
    const managed = new Managed(scope);
    const [wanted, unwanted, lost] = [await closedPort(), await closedPort(), await closedPort()];
    managed.house.write(APP, { cache: { listen: wanted }, lost: { listen: lost } });
    managed.house.state.pins = ["cache", "lost"].map((name) => ({ configPath: APP, name }));
    const told: string[] = [];
    const inherited = (port: number) => ({
      address: { kind: "tcp", host: "127.0.0.1", port } as const,
      listen: async (server: net.Server): Promise<void> => {
        told.push(`${port} adopted`);
        if (port === lost) throw new Error("a bad handle");
        await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      },
      discard: () => void told.push(`${port} discarded`),
    });
    await managed.manager.start([wanted, unwanted, lost].map(inherited));
    managed.manager.closeUnclaimed();
    assert.deepEqual(told.sort(), [`${wanted} adopted`, `${lost} adopted`, `${lost} discarded`, `${unwanted} discarded`].sort());
    for (const name of ["cache", "lost"]) await managed.reaches(APP, name, "listening");
  });
});
