/** Types of mariadb.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

export interface RunningMariaDb {
  readonly port: number;
  /** root has no password here, and can't log in over TCP. */
  readonly socket: string;
  /** The test user: may do anything in `database`, from 127.0.0.1. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** For `mariadb --defaults-file=…` (must be the first argument): user, password, host and port. */
  readonly defaultsFile: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A throw-away MariaDB on 127.0.0.1 that is answering. `args` come after ours: they win. */
export function startMariaDb(options?: { readonly args?: readonly string[] }): Promise<RunningMariaDb>;
