/**
 * Real servers for the tests: throw-away processes on free ports of 127.0.0.1, gone after stop() or when the test
 * process ends. `npm test` has put the programs there; a missing one throws a sentence that says so.
 */
import { type RunningMariaDb, startMariaDb as start } from "../../scripts/lib/mariadb.mjs";
import { freePort as findPort } from "../../scripts/lib/ports.mjs";
import { locate, type Tools } from "../../scripts/lib/provision.mjs";
import { startRedis as launch, type RunningRedis } from "../../scripts/lib/redis.mjs";

/** A Redis that is answering; `args` are further arguments of redis-server. */
export function startRedis(...args: readonly string[]): Promise<RunningRedis> {
  return launch({ args });
}

/** A MariaDB that is answering; `args` are further arguments of mariadbd. */
export function startMariaDb(...args: readonly string[]): Promise<RunningMariaDb> {
  return start({ args });
}

/** Absolute paths of redis-cli, mariadb, mariadb-dump, Debian's spiped and spipe, and the servers. */
export function tools(): Tools {
  return locate();
}

/** A port on 127.0.0.1 that nobody listened on just now, for programs that can't be told to pick one (spiped). */
export function freePort(): Promise<number> {
  return findPort();
}
