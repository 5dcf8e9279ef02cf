/**
 * A throw-away Redis Cluster on free ports of 127.0.0.1: three masters, each with a replica. Gone when stopped, or when
 * the script ends, however it ends.
 */

import { pause, run } from "./own.mjs";
import { freePort } from "./ports.mjs";
import { locate } from "./provision.mjs";
import { startRedis } from "./redis.mjs";

const SLOTS = 16_384;
const MASTERS = 3;
/** Short, so that a failover takes seconds. */
const NODE_TIMEOUT_MS = 1_500;
const READY_MS = 60_000;

export async function startRedisCluster() {
  const { redisCli } = locate(["redis"]);
  const nodes = [];
  // One after the other: each has two ports.
  for (let index = 0; index < 2 * MASTERS; index++) {
    const busPort = await freePort();
    const node = await startRedis({
      args: ["--cluster-enabled", "yes", "--cluster-port", String(busPort), "--cluster-node-timeout", String(NODE_TIMEOUT_MS)],
    });
    nodes.push({ ...node, busPort });
  }
  const ask = async (port, ...words) => (await run(redisCli, ["-p", String(port), ...words])).stdout.trim();
  const [first] = nodes;
  for (const [index, { port }] of nodes.slice(0, MASTERS).entries()) {
    const from = Math.round((index * SLOTS) / MASTERS);
    await ask(port, "CLUSTER", "ADDSLOTSRANGE", String(from), String(Math.round(((index + 1) * SLOTS) / MASTERS) - 1));
  }
  for (const { port, busPort } of nodes.slice(1)) await ask(first.port, "CLUSTER", "MEET", "127.0.0.1", String(port), String(busPort));
  const until = async (what, holds) => {
    const endMs = Date.now() + READY_MS;
    while (!(await holds())) {
      if (Date.now() > endMs) throw new Error(`the cluster is not ready: ${what}`);
      await pause(100);
    }
  };
  await until("every node knows all", async () => {
    const known = await Promise.all(nodes.map(({ port }) => ask(port, "CLUSTER", "NODES")));
    return known.every((text) => text.split("\n").length === nodes.length && !text.includes("handshake"));
  });
  for (const [index, { port }] of nodes.slice(MASTERS).entries()) await ask(port, "CLUSTER", "REPLICATE", await ask(nodes[index].port, "CLUSTER", "MYID"));
  await until("the cluster's state is ok, with replicas", async () => {
    const infos = await Promise.all(nodes.map(({ port }) => ask(port, "CLUSTER", "INFO")));
    const roles = await Promise.all(nodes.slice(MASTERS).map(({ port }) => ask(port, "INFO", "replication")));
    return infos.every((text) => text.includes("cluster_state:ok")) && roles.every((text) => text.includes("master_link_status:up"));
  });
  return { nodes, ask, stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))) };
}
