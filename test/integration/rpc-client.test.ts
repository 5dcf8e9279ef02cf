/** Windows and commands with real daemons: one is started for all, a killed one is replaced, one that was stopped is not. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { startBackend, startEcho } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { isAlive, processesWith } from "../support/process/proc-info.ts";
import { approveAndWant, find, Home, portOf, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("clients of a real daemon", () => {
  const stage = stageForEach();

  const pidOf = ({ daemon }: TestClient): number | undefined => daemon.daemon?.pid;
  const isBack = ({ states }: TestClient): boolean => states.length > 1 && states.at(-1)?.at === "connected";

  it("start one daemon when ten come at once", async () => {
    const home = new Home(stage);
    const clients = Array.from({ length: 10 }, () => home.client());
    const daemons = await Promise.all(clients.map(({ daemon }) => daemon.connect()));
    assert.equal(new Set(daemons.map(({ instanceId }) => instanceId)).size, 1);
    await until(() => processesWith(home.paths.stateDir).length === 1, { what: "one daemon was left" });
  });

  it("are all back at one new daemon after SIGKILL, with the same ports and the tunnels that each wants", async () => {
    const home = new Home(stage);
    const far = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key: home.key("team") });
    const configPath = home.workspace("shop", { one: { target: far.address }, two: { target: far.address, timeoutSeconds: 4 } });
    const windows = ["first", "second", "third"].map((name) => home.client({ stay: true, name }));
    const [first, second, third] = windows as [TestClient, TestClient, TestClient];
    const before = [...(await approveAndWant(first, configPath, ["one"])), ...(await second.daemon.want("w", { configPath, names: ["one", "two"] })).tunnels];
    await third.daemon.connect();
    const ports = new Map(before.map((tunnel) => [tunnel.name, portOf(tunnel)]));
    const pid = pidOf(first);
    const isKept = (port: number): boolean => existsSync(home.paths.stateFile) && readFileSync(home.paths.stateFile, "utf8").includes(String(port));
    await until(() => [...ports.values()].every(isKept), { what: "the ports were in the state file" });
    home.kill("SIGKILL");
    await until(() => windows.every(isBack), { what: "all three were back" });
    assert.equal(new Set(windows.map(pidOf)).size, 1);
    assert.notEqual(pidOf(first), pid);
    for (const [name, users] of [
      ["one", ["first", "second"]],
      ["two", ["second"]],
    ] as const) {
      const tunnel = await find(third, configPath, name);
      assert.deepEqual([tunnel && portOf(tunnel), tunnel?.users.map((user) => user.name).sort()], [ports.get(name), users]);
      await (await connectTo(stage, `[127.0.0.1]:${ports.get(name)}`)).echoes(name);
    }
  });

  for (const method of ["daemon/shutdown", "daemon/drain"] as const) {
    it(`do not bring a daemon back that was ended on purpose (${method}), until they are asked for something`, async () => {
      const home = new Home(stage);
      const window = home.client({ stay: true });
      const { pid } = await window.daemon.connect();
      await home.client().daemon.request(method, {});
      await until(() => window.states.at(-1)?.at === "lost", { what: "the window had noticed" });
      await home.ended(pid);
      assert.deepEqual(home.leftovers(), []);
      assert.equal(home.pid, undefined);
      const { daemon } = await window.daemon.request("tunnels/list", {});
      assert.notEqual(daemon.pid, pid);
    });
  }

  it("are back with the tunnels they want when another client has had the daemon shut down and started again", async () => {
    const home = new Home(stage);
    const far = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key: home.key("team") });
    const configPath = home.workspace("shop", { one: { target: far.address } });
    const [restarts, stays] = [home.client({ name: "restarts" }), home.client({ stay: true, name: "stays" })];
    await approveAndWant(stays, configPath, ["one"]);
    const { pid } = await restarts.daemon.connect();
    await restarts.daemon.request("daemon/shutdown", {});
    await home.ended(pid);
    await until(() => restarts.states.at(-1)?.at === "lost", { what: "it had noticed" });
    const { daemon } = await restarts.daemon.request("tunnels/list", {});
    await until(() => isBack(stays), { what: "the other client was back" });
    assert.equal(pidOf(stays), daemon.pid);
    assert.deepEqual(
      (await find(restarts, configPath, "one"))?.users.map((user) => user.name),
      ["stays"],
    );
  });

  it("leave no daemon behind when the last client has gone", async () => {
    const home = new Home(stage, ["--linger", "0", "--idle", "0.2"]);
    const [one, two] = [home.client(), home.client()];
    const { pid } = await one.daemon.connect();
    await two.daemon.connect();
    one.daemon.close();
    assert.ok(await two.daemon.request("keys/list", {}));
    two.daemon.close();
    await home.ended(pid);
    assert.deepEqual(home.leftovers(), []);
  });

  it("find a daemon that is just about to end, or start another: never an error", async () => {
    const home = new Home(stage, ["--linger", "0", "--idle", "0"]);
    for (let round = 0; round < 20; round++) {
      const { daemon } = home.client();
      const { pid } = await daemon.connect();
      daemon.close();
      if (round % 3 === 0) await home.ended(pid);
    }
  });

  it("come back to a daemon that was killed while a request was under way", async () => {
    const home = new Home(stage);
    home.key("team");
    const silent = await startBackend(stage, () => {});
    const configPath = home.workspace("shop", { hole: { target: silent.address, timeoutSeconds: 60 } });
    const window = home.client({ stay: true });
    await approveAndWant(window, configPath, ["hole"]);
    const pid = pidOf(window) ?? 0;
    const probed = window.daemon.request("tunnel/probe", { configPath, name: "hole" }).then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    await until(() => silent.peers.length > 0, { what: "the probe was under way" });
    home.kill("SIGKILL");
    assert.equal(await probed, "DAEMON_UNREACHABLE");
    await until(() => isBack(window), { what: "it was back" });
    assert.equal(isAlive(pid), false);
    assert.equal((await find(window, configPath, "hole"))?.users.length, 1);
  });
});
