/** A Redis Cluster of six real nodes behind one entry: clients that know one port of this machine reach all of it. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { type RunningRedisCluster, startRedisCluster } from "../../scripts/lib/redis-cluster.mjs";
import { run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { Workspace } from "../support/process/workspace.ts";
import { pythonIfThere, tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { closedPort } from "../support/wire/peer.ts";

const KEYS = 100_000;
const BATCH = 500;
const HOST = "127.0.0.1";

const textOf = (key: string): string => `${key} is at 10.0.0.5:7000`;

describe("a Redis Cluster through one entry", function () {
  this.timeout(600_000);
  const stage = stageForAll();
  let cluster: RunningRedisCluster;
  let near: Workspace;
  let port = 0;

  /** An entry of `near`, open, and a far end of its own that allows these nodes; the entry's port. */
  const openEntry = async (near: Workspace, allow?: readonly string[], service = "redis-cluster"): Promise<number> => {
    const key = near.key("team");
    const far = new Workspace(stage, `${basename(near.folder)}-far`);
    const farPort = await closedPort();
    const target = `${HOST}:${cluster.nodes[0]?.port}`;
    far.write({ far: { role: "server", listen: `${HOST}:${farPort}`, target, ...(allow && { allow }), key: { file: key }, maxConnections: 1_000 } });
    const serving = far.start(["serve", "--config", far.configPath, "--state-dir", far.stateDir]);
    stage.own(() => serving.child.kill());
    await serving.logs(/far listens at/);
    near.write({ cache: { service, listen: 0, target: `${HOST}:${farPort}`, key: { file: key } } });
    await near.run(["up", "--yes"]);
    return Number((await near.status()).tunnels[0]?.listen.split(":").at(-1));
  };

  before(async () => {
    cluster = await startRedisCluster();
    stage.own(() => cluster.stop());
    near = new Workspace(stage, "near");
    port = await openEntry(
      near,
      cluster.nodes.map((node) => `${HOST}:${node.port}`),
    );
  });

  /** What a program says on both of its outputs. */
  const said = async (command: readonly [string, ...string[]]): Promise<string> => {
    const { stdout, stderr } = await run(stage, command);
    return `${stdout}${stderr}`.trim();
  };

  /** Ports of this machine by the cluster's own. */
  const natMap = async (of = near): Promise<Record<string, { readonly host: string; readonly port: number }>> =>
    JSON.parse(String((await of.run(["url", "--nodes", "cache"])).stdout)) as Record<string, { readonly host: string; readonly port: number }>;

  /** Writes and reads back `count` keys, at most {@link BATCH} at once; `at` is called with the number written. */
  const writeAndRead = async (
    name: string,
    {
      count,
      set,
      get,
      at,
    }: { count: number; set: (key: string, value: string) => Promise<unknown>; get: (key: string) => Promise<string | null>; at?: (written: number) => void },
  ): Promise<void> => {
    for (let first = 0; first < count; first += BATCH) {
      at?.(first);
      await Promise.all(Array.from({ length: BATCH }, (_, index) => set(`${name}:${first + index}`, textOf(`${name}:${first + index}`))));
    }
    for (let first = 0; first < count; first += BATCH) {
      const values = await Promise.all(Array.from({ length: BATCH }, (_, index) => get(`${name}:${first + index}`)));
      for (const [index, value] of values.entries()) assert.equal(value, textOf(`${name}:${first + index}`));
    }
  };

  it("redis-cli -c follows redirections to every node, and shows no other address", async () => {
    const cli = [tools().redisCli, "-c", "-p", String(port)] as const;
    for (let index = 0; index < 30; index++) assert.equal(await said([...cli, "set", `cli:${index}`, textOf(String(index))]), "OK");
    for (let index = 0; index < 30; index++) assert.equal(await said([...cli, "get", `cli:${index}`]), textOf(String(index)));
    for (const question of [["SLOTS"], ["SHARDS"], ["NODES"]]) {
      for (const resp of ["-2", "-3"]) {
        const stdout = await said([...cli, resp, "cluster", ...question]);
        for (const node of cluster.nodes) assert.ok(!new RegExp(`\\b${node.port}\\b`).test(stdout), `${question} says ${node.port}:\n${stdout}`);
      }
    }
    const map = await natMap();
    assert.deepEqual(Object.keys(map).toSorted(), cluster.nodes.map((node) => `${HOST}:${node.port}`).toSorted());
  });

  it("node-redis reads back what it writes", async () => {
    const client = createCluster({ rootNodes: [{ url: `redis://${HOST}:${port}` }] });
    client.on("error", () => {});
    await client.connect();
    stage.own(() => client.destroy());
    await writeAndRead("node-redis", { count: KEYS, set: (key, value) => client.set(key, value), get: (key) => client.get(key) });
    const known = client.masters.map(({ port: of }) => of);
    assert.ok(
      known.every((one) => !cluster.nodes.some((node) => node.port === one)),
      "it knows only ports of this machine",
    );
  });

  it("redis-py reads back what it writes", async function () {
    const python = await pythonIfThere();
    if (python === undefined) this.skip(); // Debian's packages can't be had here.
    const program = `
from redis.cluster import RedisCluster
client = RedisCluster(host="${HOST}", port=${port})
for first in range(0, ${KEYS}, 1000):
  pipe = client.pipeline()
  for i in range(first, first + 1000): pipe.set("py:%d" % i, "%d is at 10.0.0.5:7000" % i)
  pipe.execute()
for first in range(0, ${KEYS}, 1000):
  pipe = client.pipeline()
  for i in range(first, first + 1000): pipe.get("py:%d" % i)
  for i, value in enumerate(pipe.execute(), first): assert value == b"%d is at 10.0.0.5:7000" % i
print(len(client.get_nodes()), "nodes", "PORTS", [n.port for n in client.get_nodes()])
`;
    const stdout = await said([python, "-c", program]);
    assert.match(stdout, /^6 nodes/);
    for (const node of cluster.nodes) assert.ok(!stdout.includes(String(node.port)));
  });

  it("ports of nodes are the same after a restart of the daemon", async () => {
    const before = await natMap();
    await near.run(["stop"]);
    await near.run(["up", "--yes", "--wait", "30"]);
    await said([tools().redisCli, "-p", String(port), "cluster", "slots"]);
    assert.deepEqual(await natMap(), before);
  });

  it("a node that the far end does not allow is named in an error, and nothing is opened", async () => {
    const other = new Workspace(stage, "other");
    const seed = await openEntry(other);
    await said([tools().redisCli, "-p", String(seed), "cluster", "slots"]);
    const nodes = await natMap(other);
    const [, second] = cluster.nodes;
    const local = nodes[`${HOST}:${second?.port}`];
    const stdout = await said([tools().redisCli, "-p", String(local?.port), "get", "k"]);
    assert.match(stdout, new RegExp(`tunnel "cache, node ${HOST}:${second?.port}": TARGET_REFUSED`));
  });

  it("an entry that becomes a cluster's while it is open shows no other address from then on, and does again when it is none any more", async () => {
    const changing = new Workspace(stage, "changing");
    const seed = await openEntry(changing, [], "redis");
    const own = cluster.nodes[1]?.port ?? 0;
    const slots = (): Promise<string> => said([tools().redisCli, "-p", String(seed), "cluster", "slots"]);
    assert.ok((await slots()).includes(String(own)));
    const text = changing.read(".vscode/tunnels.json") ?? "";
    changing.writeText(text.replace('"redis"', '"redis-cluster"'));
    await until(async () => !(await slots()).includes(String(own)), { what: "the entry was a cluster's" });
    changing.writeText(text);
    await until(async () => (await slots()).includes(String(own)), { what: "the entry was none any more" });
  });

  it("ioredis reads back 100,000 keys through a failover and a resharding under load", async () => {
    const client = new Cluster([{ host: HOST, port }], {
      retryDelayOnFailover: 300,
      retryDelayOnClusterDown: 300,
      maxRedirections: 200,
      redisOptions: { maxRetriesPerRequest: null },
    });
    stage.own(() => client.disconnect());
    client.on("error", () => {});
    const ask = (...words: [number, ...string[]]): Promise<string> => cluster.ask(...words);
    // Not the seed: a client that starts needs it.
    const [, victim, , , heir] = cluster.nodes;
    const [giver, , taker] = cluster.nodes;
    let resharding: Promise<void> | undefined;
    /** Moves the slots of the first master that have keys of ours to the third, one at a time, while the client goes on. */
    const reshard = async (): Promise<void> => {
      const [from, to] = [giver?.port ?? 0, taker?.port ?? 0];
      const [fromId, toId] = [await ask(from, "CLUSTER", "MYID"), await ask(to, "CLUSTER", "MYID")];
      for (let slot = 0; slot < 60; slot++) {
        await ask(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId);
        await ask(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId);
        for (;;) {
          const keys = (await ask(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "100")).split("\n").filter((line) => line !== "");
          if (keys.length === 0) break;
          await ask(from, "MIGRATE", HOST, String(to), "", "0", "5000", "KEYS", ...keys);
        }
        for (const holder of [to, from]) await ask(holder, "CLUSTER", "SETSLOT", String(slot), "NODE", toId);
      }
    };
    await writeAndRead("io", {
      count: KEYS,
      set: (key, value) => client.set(key, value),
      get: (key) => client.get(key),
      at: (written) => {
        if (written === 20_000) process.kill(victim?.pid ?? Number.NaN, "SIGKILL");
        if (written === 60_000) resharding = reshard();
      },
    });
    await resharding;
    const role = await ask(heir?.port ?? 0, "ROLE");
    assert.match(role, /^master/, "the replica has taken over");
    const known = client.nodes().map((node) => node.options.port);
    assert.ok(
      known.every((one) => !cluster.nodes.some((node) => node.port === one)),
      "it knows only ports of this machine",
    );
  });
});
