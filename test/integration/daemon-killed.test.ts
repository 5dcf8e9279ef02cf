/**
 * A daemon that is killed with SIGKILL: attached clients bring it back, with the same ports, and database clients notice
 * no more than a broken connection.
 */
import assert from "node:assert/strict";
import { lstatSync } from "node:fs";
import { Redis } from "ioredis";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { startEnd } from "../support/process/ends.ts";
import { approveAll, approveAndWant, Home, portOf, reaches } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { startRedis } from "../support/servers.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const NAMES = ["a", "b", "c", "d", "e"];
/** Rounds a worker must do before and after the kill. */
const ENOUGH = 50;

describe("a daemon killed with SIGKILL", () => {
  const stage = stageForEach();

  /** A home whose key "team" opens a far end in front of a Redis; resolves to where that listens. */
  async function farRedis(home: Home): Promise<string> {
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const far = await startEnd(stage, { maker: "Debian's", role: "-d", target: `[127.0.0.1]:${redis.port}`, key: home.key("team"), args: ["-g"] });
    return far.address;
  }

  it("is back with the same ports while ten Redis clients work through five tunnels, and none ever reads a wrong value", async () => {
    const home = new Home(stage);
    const target = await farRedis(home);
    const configPath = home.workspace("app", Object.fromEntries(NAMES.map((name) => [name, { target, service: "redis" }])));
    const window = home.client({ stay: true });
    const before = await approveAndWant(window, configPath, NAMES);
    const workers = before.flatMap((tunnel) => [1, 2].map((number) => new Worker(stage, { name: `${tunnel.name}${number}`, port: portOf(tunnel.listen) })));
    assert.equal(workers.length, 10);
    await until(() => workers.every((worker) => worker.rounds >= ENOUGH), { what: "all ten had worked for a while" });
    const [pid, killedAtMs] = [home.kill(), performance.now()];
    await until(() => window.states.some((state) => state.at === "connected" && state.daemon.pid !== pid), { what: "the client was connected again" });
    const upMs = performance.now() - killedAtMs;
    const marks = workers.map((worker) => worker.rounds);
    await until(() => workers.every((worker, index) => worker.rounds > (marks[index] ?? 0)), { what: "all ten worked again" });
    const workingMs = performance.now() - killedAtMs;
    await until(() => workers.every((worker, index) => worker.rounds >= (marks[index] ?? 0) + ENOUGH), { what: "all ten went on" });
    console.log(`      up and asked for its tunnels after ${upMs.toFixed(0)} ms; all ten clients at work again after ${workingMs.toFixed(0)} ms`);
    const { daemon, tunnels } = await window.daemon.request("tunnels/list", {});
    assert.notEqual(daemon.pid, pid);
    assert.deepEqual(tunnels.map(({ listen }) => listen).sort(), before.map(({ listen }) => listen).sort());
    assert.ok(tunnels.every(({ state }) => state === "verified"));
    for (const worker of workers) assert.deepEqual(worker.faults, []);
    assert.ok(workers.every((worker) => worker.reconnections >= 1));
  });

  it("with only a pin is brought back by the next client, and the pinned tunnel with it", async () => {
    const home = new Home(stage);
    const target = await farRedis(home);
    const configPath = home.workspace("app", { cache: { target, service: "redis" } });
    const cli = home.client({ kind: "cli" });
    await approveAll(cli, configPath);
    const pinned = await cli.daemon.request("pin/add", { configPath, name: "cache" });
    cli.daemon.close();
    const redis = new Redis({ host: "127.0.0.1", port: portOf(pinned.listen) });
    stage.own(() => redis.disconnect());
    redis.on("error", () => {});
    assert.equal(await redis.ping(), "PONG");
    const pid = home.kill();
    assert.ok(pid);
    await home.ended(pid);
    const next = home.client({ kind: "cli" });
    const { listen, pinned: isPinned } = await reaches(next, { configPath, name: "cache" }, { state: "listening" });
    assert.deepEqual([listen, isPinned], [pinned.listen, true]);
    assert.equal(await redis.ping(), "PONG", "the client reconnected by itself");
  });

  it("binds its own stale unix socket again, and leaves another program's file in its place alone", async () => {
    const home = new Home(stage);
    const target = await farRedis(home);
    const [own, other] = [stage.path("own.sock"), stage.path("other.sock")];
    const configPath = home.workspace("app", { own: { target, listen: own, service: "redis" }, other: { target, listen: other, service: "redis" } });
    const window = home.client({ stay: true });
    await approveAndWant(window, configPath, ["own"]);
    const foreign = await staleSocket(stage, other);
    const pid = home.kill();
    await until(() => window.states.some((state) => state.at === "connected" && state.daemon.pid !== pid), { what: "the client was connected again" });
    await approveAndWant(window, configPath, ["own", "other"]);
    await reaches(window, { configPath, name: "own" }, { state: "listening" });
    const redis = new Redis({ path: own, retryStrategy: () => null });
    stage.own(() => redis.disconnect());
    assert.equal(await redis.ping(), "PONG");
    const refused: TunnelStatus = await reaches(window, { configPath, name: "other" }, { state: "port-busy" });
    assert.equal(refused.lastFailure?.code, "LISTEN_IN_USE");
    assert.equal(foreign(), true, "it is still there");
  });
});

/** Counts up in Redis, writing and reading back, without end. */
class Worker {
  rounds = 0;
  reconnections = -1;
  readonly faults: string[] = [];
  #stopped = false;

  constructor(stage: Stage, { name, port }: { readonly name: string; readonly port: number }) {
    const redis = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null });
    stage.own(() => {
      this.#stopped = true;
      redis.disconnect();
    });
    redis.on("error", () => {});
    redis.on("ready", () => {
      this.reconnections += 1;
    });
    void this.#work(redis, name);
  }

  async #work(redis: Redis, name: string): Promise<void> {
    try {
      while (!this.#stopped) {
        const value = `${name}:${this.rounds}`;
        const [written, read] = await Promise.all([redis.set(name, value), redis.get(name)]);
        if (written !== "OK" || read !== value) this.faults.push(`wrote ${value}, got ${written} and read ${read}`);
        this.rounds += 1;
      }
    } catch (error) {
      if (!this.#stopped) this.faults.push(String(error));
    }
  }
}

/** A socket whose server was killed; returns a check that it is still the same. */
async function staleSocket(stage: Stage, path: string): Promise<() => boolean> {
  const server = stage.spawn(process.execPath, ["-e", `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.error("listens"))`]);
  await server.logs(/listens/);
  await server.kill("SIGKILL");
  const { ino } = lstatSync(path);
  return () => lstatSync(path, { throwIfNoEntry: false })?.ino === ino;
}
