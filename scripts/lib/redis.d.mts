/** Types of redis.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

export interface RunningRedis {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A throw-away Redis on 127.0.0.1 that is answering. `args` come after ours: they win. */
export function startRedis(options?: { readonly args?: readonly string[] }): Promise<RunningRedis>;
