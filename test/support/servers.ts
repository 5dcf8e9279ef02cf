/**
 * Real servers for the tests: throw-away processes on free ports of 127.0.0.1, gone after stop() or when the test
 * process ends. `npm test` installs the programs; a missing one throws an error that says so.
 */
import { type RunningMariaDb, startMariaDb as start } from "../../scripts/lib/mariadb.mjs";
import { locate, provision, type Tools } from "../../scripts/lib/provision.mjs";
import { startRedis as launch, type RunningRedis } from "../../scripts/lib/redis.mjs";

/** A Redis that is answering; `args` are more arguments of redis-server. */
export function startRedis(...args: readonly string[]): Promise<RunningRedis> {
  return launch({ args });
}

/** A MariaDB that is answering; `args` are more arguments of mariadbd. */
export function startMariaDb(...args: readonly string[]): Promise<RunningMariaDb> {
  return start({ args });
}

/** Python with its database clients; undefined: Debian's packages can't be had here. */
export function pythonIfThere(): Promise<string | undefined> {
  return provision(["python"]).then(
    (found) => found.python,
    () => undefined,
  );
}

/** Absolute paths of redis-cli, mariadb, mariadb-dump, Debian's spiped and spipe, and the servers. */
export function tools(): Tools {
  return locate();
}
