/** Types of postgres.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

export interface RunningPostgres {
  readonly port: number;
  /** Needs no password. */
  readonly user: string;
  readonly database: string;
  /** Where its unix socket is. */
  readonly socketFolder: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A throw-away PostgreSQL on 127.0.0.1 that is answering. `args` come after ours: they win. */
export function startPostgres(options?: { readonly args?: readonly string[] }): Promise<RunningPostgres>;
