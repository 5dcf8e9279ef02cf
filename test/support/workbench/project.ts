/**
 * The set-up of a user of the extension: a project folder with a tunnels.json, a key, and at the far end a real Redis and
 * a real MariaDB, each behind Debian's spiped. Keys, approvals and the daemon are in the project's own state folder.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunningMariaDb } from "../../../scripts/lib/mariadb.mjs";
import type { RunningRedis } from "../../../scripts/lib/redis.mjs";
import { startFarEnd, Workspace } from "../process/workspace.ts";
import { startMariaDb, startRedis } from "../servers.ts";
import type { Stage } from "../stage.ts";

/** A project folder and the user's side of the tunnels, without a far end yet. */
export class Project extends Workspace {
  readonly #stage: Stage;

  constructor(stage: Stage, name = "project") {
    super(stage, name, stage.path("s"));
    this.#stage = stage;
    mkdirSync(join(this.stateDir, "keys"), { recursive: true, mode: 0o700 });
  }

  /** A key that only the far end has yet: to be imported through the extension. */
  foreignKey(name = "foreign.key", bytes: Uint8Array = randomBytes(32)): string {
    const file = this.#stage.path(name);
    writeFileSync(file, bytes, { mode: 0o600 });
    return file;
  }
}

/** Servers at the far end, with addresses for an entry's "target". */
export interface FarSide {
  readonly redis: RunningRedis;
  readonly redisTarget: string;
  readonly mariadb: RunningMariaDb;
  readonly mariadbTarget: string;
}

/** A real Redis behind Debian's spiped with this key file. */
export async function startRedisFarAway(stage: Stage, key: string): Promise<Pick<FarSide, "redis" | "redisTarget">> {
  const redis = await startRedis();
  stage.own(() => redis.stop());
  return { redis, redisTarget: withoutBrackets(await startFarEnd(stage, { port: redis.port, key })) };
}

/** A real MariaDB behind Debian's spiped with this key file. */
async function startMariaDbFarAway(stage: Stage, key: string): Promise<Pick<FarSide, "mariadb" | "mariadbTarget">> {
  const mariadb = await startMariaDb();
  stage.own(() => mariadb.stop());
  return { mariadb, mariadbTarget: withoutBrackets(await startFarEnd(stage, { port: mariadb.port, key })) };
}

/** Both, with the same key. */
export async function startFarSide(stage: Stage, key: string): Promise<FarSide> {
  const [redis, mariadb] = await Promise.all([startRedisFarAway(stage, key), startMariaDbFarAway(stage, key)]);
  return { ...redis, ...mariadb };
}

/** spiped's "[127.0.0.1]:6379" in the usual form, without brackets. */
function withoutBrackets(address: string): string {
  return address.replace(/^\[([\d.]+)\]/, "$1");
}
