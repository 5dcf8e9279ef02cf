/** Types of provision.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Absolute paths of programs that can be run directly. */
export interface Tools {
  readonly redisServer: string;
  readonly redisCli: string;
  readonly mariadbd: string;
  readonly mariadbInstallDb: string;
  readonly mariadb: string;
  readonly mariadbDump: string;
  /** Debian's, not ours. */
  readonly spiped: string;
  readonly spipe: string;
}

/** Where the programs are; throws one sentence when one is missing. */
export function locate(): Tools;

/** PostgreSQL's programs, installed if they can be; throws one sentence when they can't. */
export function provision(groups: readonly ["postgres"]): Promise<{ readonly postgres: string; readonly initdb: string; readonly psql: string }>;
/** A Python 3 with the clients redis and pymysql, installed if it can be; throws one sentence when it can't. */
export function provision(groups: readonly ["python"]): Promise<{ readonly python: string }>;
