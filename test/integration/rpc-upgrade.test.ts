/**
 * A newer client comes to an older daemon: the daemon hands its listeners to the newer program, no connect is refused
 * while it does, and a connection that is open stays with the old process until it ends.
 */
import assert from "node:assert/strict";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { dirname, join, relative } from "node:path";
import { bundleVersion } from "../support/lifecycle/versions.ts";
import { startEcho } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { commandLine, isAlive, processesWith } from "../support/process/proc-info.ts";
import { run } from "../support/process/run.ts";
import { approveAndWant, find, Home, portOf, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { Workspace } from "../support/process/workspace.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";
import { rejectionOf } from "../support/wire/codes.ts";
import { startNetwork } from "../support/wire/network.ts";
import { closedPort as freePort } from "../support/wire/peer.ts";

describe("an upgrade of the daemon", () => {
  const bundles = stageForAll();
  const stage = stageForEach();
  let older = "";
  let newer = "";
  let newest = "";
  let newerClient = "";

  before(() => {
    older = bundleVersion("daemon/main.ts", { version: "0.0.9", folder: bundles.folder });
    newer = bundleVersion("daemon/main.ts", { version: "0.1.0", folder: bundles.folder });
    newest = bundleVersion("daemon/main.ts", { version: "0.2.0", folder: bundles.folder });
    newerClient = bundleVersion("test/support/lifecycle/newer-client.ts", { version: "0.1.0", folder: bundles.folder });
  });

  /** An older daemon with a tunnel to an echo, and a window that wants it. */
  async function scene() {
    const home = new Home(stage);
    const key = home.key("team");
    const echo = await startEcho(stage);
    // No connection limit: on a slow machine, earlier connects may still be open.
    const far = await startEnd(stage, { role: "-d", target: echo.address, key, args: ["-n", "0"] });
    const patient = { target: far.address, maxConnections: 10_000, timeoutSeconds: 60 };
    const configPath = home.workspace("shop", { echo: patient, pinned: { target: far.address }, kept: { target: far.address, keepOpen: true } });
    const window = home.client({ program: older, stay: true });
    const { pid, version } = await window.daemon.connect();
    stage.ownPid(pid);
    assert.equal(version, "0.0.9");
    const [tunnel] = await approveAndWant(window, configPath, ["echo"]);
    assert.ok(tunnel);
    return { home, window, pid, configPath, address: `[127.0.0.1]:${portOf(tunnel)}` };
  }

  /** The result of a client of 0.1.0. */
  async function upgrade(home: Home, program = newer): Promise<{ pid: number; version: string; error?: string }> {
    const { stdout, stderr } = await run(stage, [process.execPath, newerClient, home.paths.stateDir, program]);
    const said = JSON.parse(stdout.toString() || JSON.stringify({ error: stderr })) as { pid: number; version: string; error?: string };
    if (said.pid) stage.ownPid(said.pid);
    return said;
  }

  const backWith = (window: TestClient, version: string): Promise<void> =>
    until(() => window.daemon.daemon?.version === version && window.states.at(-1)?.at === "connected", { what: `the window was back, with ${version}` });

  it("refuses no connect, cuts no connection, keeps the port, and ends the old daemon with its last connection", async () => {
    const { home, window, pid, configPath, address } = await scene();
    const old = await connectTo(stage, address);
    await old.echoes("before");
    const knocking = knock(address);
    stage.own(() => knocking.stop());
    await until(() => knocking.answered > 50, { what: "connects were answered" });

    const successor = await upgrade(home);
    assert.equal(successor.version, "0.1.0", successor.error);
    assert.notEqual(successor.pid, pid);
    await backWith(window, "0.1.0");
    assert.equal(window.daemon.daemon?.pid, successor.pid);

    const after = await connectTo(stage, address);
    await after.echoes("through the new one");
    await old.echoes("through the old one");
    assert.equal(isAlive(pid), true);
    const tunnel = await find(window, configPath, "echo");
    assert.deepEqual([tunnel && portOf(tunnel), tunnel?.users.map(({ name }) => name)], [Number(address.split(":").at(-1)), ["a window"]]);

    // The old daemon is visible while its last connection goes on.
    const { daemon } = await window.daemon.request("tunnels/list", {});
    assert.deepEqual(
      daemon.predecessors?.map((one) => [one.pid, one.version]),
      [[pid, "0.0.9"]],
    );
    assert.ok((daemon.predecessors?.[0]?.openConnections ?? 0) > 0);

    const soFar = knocking.answered;
    await until(() => knocking.answered > soFar + 50, { what: "connects are answered by the new one" });
    knocking.stop();
    assert.deepEqual(knocking.failures, []);

    await old.closedByUs();
    await until(() => !isAlive(pid), { what: "the old daemon ended" });
    assert.deepEqual((await window.daemon.request("tunnels/list", {})).daemon.predecessors, []);
    await after.echoes("still there");
    assert.equal(home.pid, successor.pid);
    assert.ok(existsSync(home.paths.door.socketPath));
  });

  for (const isReplaced of [false, true]) {
    it(`keeps a unix socket, which the new daemon ${isReplaced ? "leaves alone at its end when another file has taken its place" : "removes at its end"}`, async () => {
      const { home, window, pid } = await scene();
      const far = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key: join(home.paths.keyDir, "team") });
      const listen = stage.path("cache.sock");
      const configPath = home.workspace("other", { cache: { target: far.address, listen } });
      await approveAndWant(window, configPath, ["cache"]);
      const successor = await upgrade(home);
      assert.equal(successor.version, "0.1.0", successor.error);
      await until(() => !isAlive(pid), { what: "the old daemon ended" });
      const user = await connectTo(stage, listen);
      await user.echoes("through the new one");
      await user.closedByUs();
      if (isReplaced) {
        renameSync(listen, `${listen}.moved`);
        writeFileSync(listen, "precious");
      }
      window.daemon.close();
      process.kill(successor.pid, "SIGTERM");
      await home.ended(successor.pid);
      assert.equal(existsSync(listen), isReplaced);
    });
  }

  it("is followed by stop, which ends the old daemon's last connections too", async () => {
    const { home, pid, address } = await scene();
    const user = await connectTo(stage, address);
    const successor = await upgrade(home);
    assert.equal(successor.version, "0.1.0", successor.error);
    await user.echoes("through the old one");
    const { code, stdout } = await run(stage, [process.execPath, newer, "stop", "--now", "--state-dir", home.paths.stateDir]);
    assert.deepEqual([code, stdout.toString(), isAlive(pid), isAlive(successor.pid)], [0, "stopped\n", false, false]);
    await user.ended();
  });

  it("is not done by stop, which ends the daemon that runs", async () => {
    const { home, pid, address } = await scene();
    const user = await connectTo(stage, address);
    const { code, stdout } = await run(stage, [process.execPath, newer, "stop", "--now", "--state-dir", home.paths.stateDir]);
    assert.deepEqual([code, stdout.toString(), isAlive(pid), processesWith(`--state-dir ${home.paths.stateDir}`)], [0, "stopped\n", false, []]);
    await user.ended();
  });

  it("of the far end's daemon leaves sessions where they are: their clients come back to it through its successors", async () => {
    const home = new Home(stage);
    const echo = await startEcho(stage);
    const listen = `127.0.0.1:${await freePort()}`;
    const entry = { role: "server", listen, target: echo.address };
    for (const name of ["one", "two"]) home.key(name);
    const configPath = home.workspace("far", { one: { ...entry, key: "one" }, two: { ...entry, key: "two" } });
    const window = home.client({ program: older, stay: true });
    const { pid } = await window.daemon.connect();
    stage.ownPid(pid);
    await approveAndWant(window, configPath, ["one", "two"]);

    const network = await startNetwork(stage, Number(listen.split(":").at(-1)));
    const near = new Workspace(stage, "near");
    const target = `127.0.0.1:${network.port}`;
    near.write({
      one: { target, listen: 0, key: { file: join(home.paths.keyDir, "one") } },
      two: { target, listen: 0, key: { file: join(home.paths.keyDir, "two") } },
    });
    const { code, stderr } = await near.run(["up", "--yes"]);
    assert.equal(code, 0, stderr);
    const addresses = (await near.status()).tunnels.map((tunnel) => `[127.0.0.1]:${tunnel.listen.split(":").at(-1)}`);
    const before = await Promise.all(addresses.map((address) => connectTo(stage, address)));
    for (const peer of before) await peer.echoes("before");

    // Two upgrades: whoever comes back is passed on twice.
    const pids = [pid];
    for (const [program, version] of [
      [newer, "0.1.0"],
      [newest, "0.2.0"],
    ] as const) {
      const { pid: successor } = await window.daemon.request("daemon/replace", { program });
      stage.ownPid(successor);
      pids.push(successor);
      await backWith(window, version);
      for (const peer of before) await peer.echoes(`with ${version}`);
      const made = network.made;
      network.cut("reset");
      for (const peer of before) await peer.echoes(`after a cut, with ${version}`);
      assert.equal(network.made, made + 2);
    }
    assert.deepEqual(pids.map(isAlive), [true, true, true], "the one between passes on");
    const after = await connectTo(stage, addresses[0] as string);
    await after.echoes("through the newest");
    const { daemon } = await window.daemon.request("tunnels/list", {});
    assert.deepEqual(
      daemon.predecessors?.map((one) => [one.pid, one.openConnections]).toSorted(),
      [pids[0], pids[1]].map((one, index) => [one, index === 0 ? 2 : 0]).toSorted(),
    );

    for (const peer of before) await peer.closedByUs();
    await until(() => !pids.slice(0, 2).some((one) => isAlive(one as number)), { what: "the older daemons ended" });
    network.cut("reset");
    await after.echoes("still there");
  });

  it("re-opens what is pinned, though no client asks for it", async () => {
    const { home, window, configPath } = await scene();
    await window.daemon.request("approvals/list", { configPath });
    const { listen } = await window.daemon.request("pin/add", { configPath, name: "pinned" });
    window.daemon.close();
    const { version, error } = await upgrade(home);
    assert.equal(version, "0.1.0", error);
    await (await connectTo(stage, listen)).echoes("hello");
  });

  it("keeps a keepOpen tunnel open though its window has gone", async () => {
    const { home, window, configPath } = await scene();
    const other = home.client({ program: older, name: "another window" });
    const [kept] = await approveAndWant(other, configPath, ["kept"]);
    other.daemon.close();
    await until(async () => (await find(window, configPath, "kept"))?.users.length === 0, { what: "its window had gone" });
    const { version, error } = await upgrade(home);
    assert.equal(version, "0.1.0", error);
    await backWith(window, "0.1.0");
    assert.equal((await find(window, configPath, "kept"))?.listen, kept?.listen);
    await (await connectTo(stage, kept?.listen ?? "")).echoes("hello");
  });

  it("loses nothing that was reported as done while the upgrade was under way", async () => {
    const { home, window, configPath } = await scene();
    const pinner = home.client({ program: older });
    await pinner.daemon.connect();
    const pin = async (name: string): Promise<string> => {
      await pinner.daemon.request("pin/add", { configPath, name });
      return name;
    };
    const pins: Promise<string>[] = [];
    const timer = setInterval(() => pins.push(pin(`p${pins.length}`)), 5);
    stage.own(() => clearInterval(timer));
    await until(() => pins.length > 5, { what: "pins were asked for" });
    const { pid } = await window.daemon.request("daemon/replace", { program: newer });
    stage.ownPid(pid);
    const soFar = pins.length;
    await until(() => pins.length > soFar + 20, { what: "pins were asked for afterwards" });
    clearInterval(timer);
    const answered = await Promise.allSettled(pins);
    assert.deepEqual(
      answered.filter(({ status }) => status === "rejected"),
      [],
      "the client asks the successor again",
    );
    assert.equal(pinner.daemon.daemon?.pid, pid);
    const kept = new Set(home.state.pins.map(({ name }) => name));
    assert.deepEqual(
      pins.map((_, index) => `p${index}`).filter((name) => !kept.has(name)),
      [],
    );
  });

  for (const how of ["an option", "the environment"]) {
    it(`of a daemon whose state folder was given as a relative path, by ${how}, keeps that folder`, async () => {
      const home = new Home(stage);
      const { stateDir } = home.paths;
      const given = relative(dirname(stateDir), stateDir);
      const { TUNNELD_STATE_DIR: _, ...bare } = process.env;
      const env = how === "an option" ? bare : { ...bare, TUNNELD_STATE_DIR: given };
      const args = [older, "daemon", ...(how === "an option" ? ["--state-dir", given] : [])];
      stage.spawn(process.execPath, args, { cwd: dirname(stateDir), env });
      await until(() => home.pid !== undefined, { what: "the daemon was there" });
      const successor = await upgrade(home);
      assert.equal(successor.version, "0.1.0", successor.error);
      assert.equal(home.pid, successor.pid);
      assert.equal(existsSync(join(stateDir, given)), false);
    });
  }

  it("ends with one successor when two newer clients ask at once", async () => {
    const { home, window, address } = await scene();
    const [one, two] = await Promise.all([upgrade(home), upgrade(home)]);
    assert.deepEqual([one?.version, two?.version, one?.error, two?.error], ["0.1.0", "0.1.0", undefined, undefined]);
    assert.equal(one?.pid, two?.pid);
    await backWith(window, "0.1.0");
    assert.equal(window.daemon.daemon?.pid, one?.pid);
    await (await connectTo(stage, address)).echoes("hello");
  });

  it("is done once when it is asked for twice in the same moment", async () => {
    const { home, window, pid } = await scene();
    const second = home.client({ program: older });
    await second.daemon.connect();
    const asked = [window, second].map(({ daemon }) => daemon.request("daemon/replace", { program: newer }));
    const pids = (await Promise.allSettled(asked)).flatMap((one) => (one.status === "fulfilled" ? [one.value.pid] : []));
    for (const successor of pids) stage.ownPid(successor);
    assert.equal(new Set(pids).size, 1, `successors ${pids}`);
    await backWith(window, "0.1.0");
    await until(() => !isAlive(pid), { what: "the old daemon ended" });
    const left = processesWith(`${newer} daemon`).filter((one) => commandLine(one).includes(home.paths.stateDir));
    for (const one of left) stage.ownPid(one);
    assert.deepEqual(left, pids.slice(0, 1));
    assert.equal(window.daemon.daemon?.pid, pids[0]);
  });

  for (const [what, source] of [
    ["ends at once", "process.exit(1)"],
    ["hangs up", "process.disconnect(); setTimeout(() => {}, 500)"],
  ] as const) {
    it(`leaves the older daemon as it is when the newer program ${what}`, async () => {
      const { home, window, pid, address } = await scene();
      const broken = stage.path("broken.cjs");
      writeFileSync(broken, source);
      const error = await rejectionOf(window.daemon.request("daemon/replace", { program: broken }));
      assert.equal(error.code, "DAEMON_UNREACHABLE");
      assert.match(error.message, /the present one goes on/);
      assert.deepEqual(await upgrade(home, broken), { pid, version: "0.0.9" });
      await (await connectTo(stage, address)).echoes("hello");
    });
  }

  it("is not asked for by an older client", async () => {
    const home = new Home(stage);
    const { pid } = await home.client({ program: newer }).daemon.connect();
    stage.ownPid(pid);
    const oldClient = bundleVersion("test/support/lifecycle/newer-client.ts", { version: "0.0.9", folder: bundles.folder });
    const { stdout } = await run(stage, [process.execPath, oldClient, home.paths.stateDir, older]);
    assert.deepEqual(JSON.parse(stdout.toString()), { pid, version: "0.1.0" });
  });
});

/** Connects every millisecond, whatever happened to earlier connects. */
function knock(address: string): { readonly answered: number; readonly failures: readonly string[]; stop(): void } {
  const port = Number(address.split(":").at(-1));
  const failures: string[] = [];
  let answered = 0;
  const timer = setInterval(() => {
    const socket = net.connect(port, "127.0.0.1", () => {
      answered += 1;
      socket.destroy();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => failures.push(error.code ?? error.message));
  }, 1);
  return {
    get answered() {
      return answered;
    },
    failures,
    stop: () => clearInterval(timer),
  };
}
