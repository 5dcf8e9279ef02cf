import type { RunningRedis } from "./redis.mjs";

export interface RunningRedisCluster {
  /** Three masters, then a replica for each. */
  readonly nodes: readonly (RunningRedis & { readonly busPort: number })[];
  /** The answer of the node at `port` to a command, as redis-cli prints it. */
  ask(port: number, ...words: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** See redis-cluster.mjs. */
export function startRedisCluster(): Promise<RunningRedisCluster>;
