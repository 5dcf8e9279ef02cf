/**
 * How a daemon ends, and what it survives: signals, a full disk, a socket that somebody removed, two hundred tunnels.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEcho } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { approveAndWant, Home } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

const MANY = 200;

describe("a daemon", () => {
  const stage = stageForEach();

  async function withConnection(daemonArgs: readonly string[]) {
    const home = new Home(stage, daemonArgs);
    const echo = await startEcho(stage);
    const far = await startEnd(stage, { maker: "Debian's", role: "-d", target: echo.address, key: home.key("team"), args: ["-g"] });
    const configPath = home.workspace("app", { cache: { target: far.address } });
    const window = home.client();
    const [opened] = await approveAndWant(window, configPath, ["cache"]);
    const listen = opened?.listen ?? "";
    const user = await connectTo(stage, listen);
    await user.echoes("x");
    const { pid } = home;
    assert.ok(pid !== undefined);
    const untilDraining = () =>
      until(
        () =>
          connectTo(stage, listen)
            .then(
              ({ socket }) => void socket.destroy(),
              () => true,
            )
            .then((refused) => refused === true),
        { what: "it took no newcomers" },
      );
    return { home, user, pid, listen, window, configPath, untilDraining };
  }

  it("told to end lets live connections finish, and leaves nothing", async () => {
    const { home, user, pid, untilDraining } = await withConnection(["--drain", "600"]);
    home.kill("SIGTERM");
    await untilDraining();
    await user.echoes("still here");
    // An earlier check of the port may still have been counted.
    assert.match(home.log, /"[12] connections? (?:is|are) open and may go on for 600 s; a second signal cuts (?:it|them)"/);
    assert.ok(isAlive(pid));
    await user.closedByUs();
    await home.ended(pid);
    assert.deepEqual(home.leftovers(), []);
  });

  it("told to end does not wait beyond its deadline", async () => {
    const { home, user, pid } = await withConnection(["--drain", "0.2"]);
    home.kill("SIGTERM");
    await user.ended();
    await home.ended(pid);
    assert.deepEqual(home.leftovers(), []);
  });

  it("told twice to end cuts the connections that are left", async () => {
    const { home, user, pid, untilDraining } = await withConnection(["--drain", "600"]);
    home.kill("SIGTERM");
    await untilDraining();
    await user.echoes("still here");
    home.kill("SIGTERM");
    await user.ended();
    await home.ended(pid);
  });

  it("that already drains for a client is still cut by a second signal", async () => {
    const { home, user, pid, window, untilDraining } = await withConnection(["--drain", "600"]);
    await window.daemon.request("daemon/drain", {});
    await untilDraining();
    home.kill("SIGTERM");
    await user.echoes("still here");
    home.kill("SIGTERM");
    await user.ended();
    await home.ended(pid);
  });

  it("that already drains keeps the earliest of the deadlines it was given", async () => {
    const { home, user, pid, window, untilDraining } = await withConnection(["--drain", "600"]);
    await window.daemon.request("daemon/drain", { deadlineMs: 600_000 });
    await untilDraining();
    await user.echoes("still here");
    await window.daemon.request("daemon/drain", { deadlineMs: 50 });
    await user.ended();
    await home.ended(pid);
  });

  it("told to end by a deadline beyond a timer's range does not cut open connections", async () => {
    const { home, user, window, untilDraining } = await withConnection(["--drain", "600"]);
    await window.daemon.request("daemon/drain", { deadlineMs: 2 ** 31 + 5 });
    await untilDraining();
    await user.echoes("still here");
    assert.notEqual(home.pid, undefined);
  });

  it("whose disk is full goes on, and writes its state once there is room", async () => {
    const { home, pid, user, listen, window, configPath } = await withConnection(["--idle", "60"]);
    await until(() => home.state.approvals.length === 1, { what: "the state had been written" });
    // Blocks the temporary file that the state is written to before it is put in place.
    const obstacle = `${home.paths.stateFile}.${pid}.tmp`;
    mkdirSync(obstacle);
    writeFileSync(join(obstacle, "full"), "");
    await assert.rejects(window.daemon.request("pin/add", { configPath, name: "cache" }), { code: "STATE_NOT_SAVED" });
    await until(() => /state/.test(home.log) && /"level":"error"/.test(home.log), { what: "the log said so" });
    await user.echoes("still here");
    await (await connectTo(stage, listen)).echoes("and new ones");
    assert.equal(home.state.pins.length, 0);
    rmSync(obstacle, { recursive: true });
    await window.daemon.request("pin/add", { configPath, name: "cache" });
    assert.equal(home.state.pins.length, 1, "on the disk when it is answered");
  });

  it("notices that its socket was removed, and can be reached again", async () => {
    const { home, pid, user } = await withConnection(["--idle", "60"]);
    unlinkSync(home.paths.door.socketPath);
    await until(() => home.leftovers().some((name) => name.endsWith(".sock")), { what: "the socket was there again" });
    const other = home.client({ start: false });
    const daemon = await other.daemon.connect();
    assert.equal(daemon.pid, pid);
    await user.echoes("still here");
  });

  it(`opens ${MANY} tunnels, and each of them answers`, async () => {
    const home = new Home(stage);
    const echo = await startEcho(stage);
    const far = await startEnd(stage, { role: "-d", target: echo.address, key: home.key("team"), args: ["-n", "0"] });
    const names = Array.from({ length: MANY }, (_, index) => `t${index}`);
    const configPath = home.workspace("app", Object.fromEntries(names.map((name, index) => [name, { target: far.address, maxConnections: index + 1 }])));
    const window = home.client();
    const tunnels = await approveAndWant(window, configPath, names);
    assert.ok(tunnels.every(({ state }) => state === "listening"));
    assert.equal(new Set(tunnels.map(({ listen }) => listen)).size, MANY);
    await Promise.all(
      tunnels.map(async ({ name, listen }) => {
        const user = await connectTo(stage, listen);
        await user.echoes(name);
      }),
    );
    const { tunnels: after } = await window.daemon.request("tunnels/list", {});
    assert.ok(after.every(({ state }) => state === "verified"));
  });
});
