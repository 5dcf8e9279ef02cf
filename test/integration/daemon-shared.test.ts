/**
 * One daemon and several clients: tunnels stay as long as anybody wants them, then drain; then the daemon goes, and
 * leaves nothing behind.
 */
import assert from "node:assert/strict";
import * as net from "node:net";
import { freePort } from "../../scripts/lib/ports.mjs";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { approveAndWant, find, Home, portOf, reaches } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("a daemon and its clients", () => {
  const stage = stageForEach();

  /** A home whose key "team" opens a far end in front of an echo. */
  async function homeWithFarEcho(daemonArgs?: readonly string[]): Promise<{ readonly home: Home; readonly target: string }> {
    const home = new Home(stage, daemonArgs);
    const echo = await startEcho(stage);
    const far = await startEnd(stage, { maker: "Debian's", role: "-d", target: echo.address, key: home.key("team"), args: ["-g"] });
    return { home, target: far.address };
  }

  const refuses = async (port: number): Promise<boolean> =>
    connectTo(stage, `127.0.0.1:${port}`).then(
      ({ socket }) => {
        // Otherwise the connection would keep the tunnel busy.
        socket.destroy();
        return false;
      },
      () => true,
    );

  it("keeps a tunnel for the second of two clients, drains it after both, and ends with the last connection, leaving no file", async () => {
    const { home, target } = await homeWithFarEcho(["--linger", "0.3", "--idle", "0.3"]);
    const configPath = home.workspace("app", { cache: { target } });
    const [one, two] = [home.client(), home.client()];
    const [opened] = await approveAndWant(one, configPath, ["cache"]);
    await two.daemon.want("w", { configPath, names: ["cache"] });
    assert.ok(opened);
    const { pid } = home;
    assert.ok(pid);
    const user = await connectTo(stage, opened.listen);
    await user.echoes("one");
    one.daemon.close();
    await reaches(two, { configPath, name: "cache" }, { state: "verified", holds: ({ users }) => users.length === 1 });
    await user.echoes("two");
    two.daemon.close();
    await until(() => refuses(portOf(opened.listen)), { what: "the port was closed after the linger" });
    await user.echoes("three");
    assert.ok(isAlive(pid), "a connection keeps the daemon");
    await user.closedByUs();
    await home.ended(pid);
    assert.deepEqual(home.leftovers(), []);
  });

  it("shows a tunnel that only drains", async () => {
    const { home, target } = await homeWithFarEcho(["--linger", "0"]);
    const configPath = home.workspace("app", { cache: { target } });
    const [one, watcher] = [home.client(), home.client()];
    await watcher.daemon.connect();
    const [opened] = await approveAndWant(one, configPath, ["cache"]);
    const user = await connectTo(stage, opened?.listen ?? "");
    await user.echoes("x");
    one.daemon.close();
    const draining = await reaches(watcher, { configPath, name: "cache" }, { state: "draining" });
    assert.deepEqual([draining.openConnections, draining.connections.length, draining.users], [1, 1, []]);
    await user.closedByUs();
    await until(async () => (await find(watcher, configPath, "cache")) === undefined, { what: "it was forgotten" });
  });

  it("lets a window that reloads find its tunnel as it was", async () => {
    const { home, target } = await homeWithFarEcho(["--linger", "30", "--idle", "30"]);
    const configPath = home.workspace("app", { cache: { target } });
    const before = home.client();
    const [opened] = await approveAndWant(before, configPath, ["cache"]);
    const user = await connectTo(stage, opened?.listen ?? "");
    await user.echoes("one");
    before.daemon.close();
    const after = home.client();
    const { tunnels } = await after.daemon.want("w", { configPath, names: ["cache"] });
    assert.deepEqual([tunnels[0]?.openConnections, tunnels[0]?.listen], [1, opened?.listen]);
    await user.echoes("two");
  });

  it("closes exec's tunnels without a linger", async () => {
    const { home, target } = await homeWithFarEcho(["--linger", "600", "--idle", "600"]);
    const configPath = home.workspace("app", { cache: { target } });
    const [exec, watcher] = [home.client({ kind: "exec" }), home.client()];
    await watcher.daemon.connect();
    await approveAndWant(exec, configPath, ["cache"]);
    exec.daemon.close();
    await until(async () => (await find(watcher, configPath, "cache")) === undefined, { what: "it was closed" });
  });

  it("keeps a tunnel that the user closed closed, also after the daemon was killed, until it is opened by hand", async () => {
    const { home, target } = await homeWithFarEcho();
    const configPath = home.workspace("app", { cache: { target } });
    const tunnel = { configPath, name: "cache" };
    const window = home.client();
    const [opened] = await approveAndWant(window, configPath, ["cache"]);
    assert.deepEqual(await window.daemon.request("tunnel/close", tunnel), { closed: true, othersUsing: [] });
    const pid = home.kill();
    await home.ended(pid ?? 0);
    const again = home.client();
    const { tunnels } = await again.daemon.want("w", { configPath, names: ["cache"] });
    assert.deepEqual([tunnels[0]?.state, tunnels[0]?.closedByUser], ["closed", true]);
    const reopened = await again.daemon.request("tunnel/open", tunnel);
    assert.deepEqual([reopened.state, reopened.listen], ["listening", opened?.listen]);
  });

  it("asks before it closes a tunnel that another window uses", async () => {
    const { home, target } = await homeWithFarEcho();
    const configPath = home.workspace("app", { cache: { target } });
    const [one, two] = [home.client({ name: "first" }), home.client({ name: "second" })];
    const [opened] = await approveAndWant(one, configPath, ["cache"]);
    await two.daemon.want("w", { configPath, names: ["cache"] });
    const user = await connectTo(stage, opened?.listen ?? "");
    await user.echoes("x");
    const asked = await one.daemon.request("tunnel/close", { configPath, name: "cache" });
    assert.deepEqual([asked.closed, asked.othersUsing.map(({ name }) => name)], [false, ["second"]]);
    await user.echoes("y");
    const forced = await one.daemon.request("tunnel/close", { configPath, name: "cache", force: true });
    assert.equal(forced.closed, true);
    assert.equal(await refuses(portOf(opened?.listen ?? "")), true);
    await user.echoes("z");
  });

  it("gives one listen address to one definition, and the next workspace its turn", async () => {
    const { home, target } = await homeWithFarEcho(["--linger", "0"]);
    const listen = await freePort();
    home.key("other");
    const same = ["app", "worktree"].map((name) => home.workspace(name, { cache: { target, listen } }));
    const rival = home.workspace("rival", { store: { target, listen, key: "other" } });
    const clients = same.map(() => home.client());
    for (const [index, configPath] of same.entries()) await approveAndWant(clients[index] ?? home.client(), configPath, ["cache"]);
    const third = home.client();
    const [refused] = await approveAndWant(third, rival, ["store"]);
    assert.deepEqual([refused?.state, refused?.lastFailure?.code], ["port-busy", "LISTEN_IN_USE"]);
    assert.ok(
      same.some((configPath) => refused?.lastFailure?.message.includes(configPath)),
      refused?.lastFailure?.message,
    );
    clients[0]?.daemon.close();
    await reaches(third, { configPath: same[1] ?? "", name: "cache" }, { state: "listening" });
    clients[1]?.daemon.close();
    await reaches(third, { configPath: rival, name: "store" }, { state: "listening" });
  });

  it("waits for a port that another program has, and opens when it is free", async () => {
    const { home, target } = await homeWithFarEcho();
    const listen = await freePort();
    const squatter = net.createServer();
    stage.own(() => squatter.close());
    await new Promise<void>((resolve) => squatter.listen(listen, "127.0.0.1", resolve));
    const configPath = home.workspace("app", { cache: { target, listen } });
    const window = home.client();
    const [busy] = await approveAndWant(window, configPath, ["cache"]);
    assert.deepEqual([busy?.state, busy?.lastFailure?.code], ["port-busy", "LISTEN_IN_USE"]);
    await reaches(window, { configPath, name: "cache" }, { state: "port-busy", holds: ({ lastFailure }) => (lastFailure?.count ?? 0) > 1 });
    await new Promise((resolve) => squatter.close(resolve));
    await reaches(window, { configPath, name: "cache" }, { state: "listening" });
    assert.equal(home.log.match(/"code":"LISTEN_IN_USE"/g)?.length, 1, "it was said once");
  });

  it("distinguishes a wrong key from a right one, turns newcomers away for a moment, and recovers by itself", async () => {
    const { home, target } = await homeWithFarEcho();
    const wrong = makeKey(stage, "wrong");
    const configPath = home.workspace("app", { cache: { target, key: { file: wrong } } });
    const window = home.client();
    const [opened] = await approveAndWant(window, configPath, ["cache"]);
    const first = await connectTo(stage, opened?.listen ?? "");
    await first.ended();
    await reaches(window, { configPath, name: "cache" }, { state: "degraded", holds: ({ lastFailure }) => lastFailure?.code === "KEY_MISMATCH" });
    const held = await connectTo(stage, opened?.listen ?? "");
    await held.ended();
    const { lastFailure } = await reaches(window, { configPath, name: "cache" }, { state: "degraded" });
    assert.deepEqual([lastFailure?.code, (lastFailure?.count ?? 0) > 1], ["KEY_MISMATCH", true]);
    home.workspace("app", { cache: { target } });
    await reaches(window, { configPath, name: "cache" }, { state: "degraded", holds: (status) => status.lastFailure?.code === "NOT_APPROVED" });
    await approveAndWant(window, configPath, ["cache"]);
    const user = await connectTo(stage, opened?.listen ?? "");
    await user.echoes("hello");
    await reaches(window, { configPath, name: "cache" }, { state: "verified" });
  });
});
