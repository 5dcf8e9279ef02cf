/**
 * What real programs say when their tunnel can't serve them: clients of Redis, MySQL, PostgreSQL and MongoDB, on each fault. Makes the
 * table in docs/CLIENTS.md; UPDATE_DOCS=1 writes it.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import * as mariadb from "mariadb";
import { MongoClient } from "mongodb";
import mysql from "mysql2/promise";
import pg from "pg";
import { createClient } from "redis";
import type { RunningMariaDb } from "../../scripts/lib/mariadb.mjs";
import { type RunningPostgres, startPostgres } from "../../scripts/lib/postgres.mjs";
import { provision } from "../../scripts/lib/provision.mjs";
import type { RunningRedis } from "../../scripts/lib/redis.mjs";
import { run } from "../support/process/run.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { pythonIfThere, startMariaDb, startRedis, tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { closedPort, connectTo } from "../support/wire/peer.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/CLIENTS.md");
const MARKS = ["<!-- made by test/integration/client-words.test.ts -->", "<!-- end -->"] as const;

/** Faults, and the code that a program is told. */
const FAULTS = {
  "far end off": "CONNECT_REFUSED",
  "wrong key": "KEY_MISMATCH",
  "backend down": "BACKEND_DOWN",
  "backend down, spiped": "BACKEND_DOWN",
  "limit reached": "LIMIT_REACHED",
} as const;
type Fault = keyof typeof FAULTS;

type Kind = (typeof KINDS)[number];
const KINDS = ["redis", "mysql", "postgres", "mongodb"] as const;

const nameOf = (service: Kind, fault: Fault): string => `${service}-${fault.replace(/\W+/g, "-")}`;

describe("what programs say when their tunnel can't serve them", () => {
  const stage = stageForAll();
  let redis: RunningRedis;
  let database: RunningMariaDb;
  let postgres: RunningPostgres;
  let psql = "";
  let python: string | undefined;
  let near: Workspace;
  const ports = new Map<string, number>();
  const said = new Map<string, string>();

  before(async () => {
    [redis, database, postgres] = await Promise.all([startRedis(), startMariaDb(), startPostgres()]);
    stage.own(() => postgres.stop());
    stage.own(() => redis.stop());
    stage.own(() => database.stop());
    python = await pythonIfThere();
    ({ psql } = await provision(["postgres"]));
    near = new Workspace(stage, "near");
    const [key, wrong] = [near.key("team"), near.key("wrong")];
    const far = new Workspace(stage, "far");
    const [farPort, dead, off] = [await closedPort(), await closedPort(), await closedPort()];
    // No server of MongoDB can be had here: where one would be needed, something holds the place at the limit.
    const targets = {
      redis: `127.0.0.1:${redis.port}`,
      mysql: `127.0.0.1:${database.port}`,
      postgres: `127.0.0.1:${postgres.port}`,
      mongodb: `127.0.0.1:${redis.port}`,
    };
    far.write({ far: { role: "server", listen: `127.0.0.1:${farPort}`, target: `127.0.0.1:${dead}`, targets, key: { file: key } } });
    const serving = far.start(["serve", "--config", far.configPath, "--state-dir", far.stateDir]);
    stage.own(() => serving.child.kill());
    await serving.logs(/far listens at/);
    const spiped = (await startFarEnd(stage, { port: dead, key })).replace(/[[\]]/g, "");
    const entries = KINDS.flatMap((service) => {
      const common = { service, listen: 0, key: { file: key }, target: `127.0.0.1:${farPort}`, timeoutSeconds: 5 };
      const of: Readonly<Record<Fault, object>> = {
        "far end off": { target: `127.0.0.1:${off}` },
        "wrong key": { key: { file: wrong } },
        "backend down": {},
        "backend down, spiped": { target: spiped },
        "limit reached": { maxConnections: 1, backend: service },
      };
      return Object.entries(of).map(([fault, more]) => [nameOf(service, fault as Fault), { ...common, ...more }] as const);
    });
    near.write(Object.fromEntries(entries));
    await near.run(["up", "--yes"]);
    for (const tunnel of (await near.status()).tunnels) ports.set(tunnel.name, Number(tunnel.listen.split(":").at(-1)));
    for (const service of KINDS) await connectTo(stage, { port: portOf(service, "limit reached") });
  });

  const portOf = (service: Kind, fault: Fault): number => ports.get(nameOf(service, fault)) ?? assert.fail(fault);

  /** The output of a program. */
  const output = async (command: readonly [string, ...string[]]): Promise<string> => {
    const { stdout, stderr } = await run(stage, command);
    return `${stdout}${stderr}`;
  };

  const failure = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
    } catch (error) {
      return String(error);
    }
    return assert.fail("it worked");
  };

  const REDIS: Readonly<Record<string, (port: number) => Promise<string>>> = {
    "redis-cli": (port) => output([tools().redisCli, "-p", String(port), "get", "k"]),
    "redis-cli -3": (port) => output([tools().redisCli, "-3", "-p", String(port), "get", "k"]),
    ioredis: async (port) => {
      const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => null });
      const failed = new Promise<string>((resolve) => client.on("error", (error) => resolve(String(error))));
      const answered = failure(client.get("k"));
      const words = await Promise.race([failed, answered]);
      client.disconnect();
      return words;
    },
    "node-redis": async (port) => {
      const client = createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: false } });
      client.on("error", () => {});
      const words = await failure(client.connect().then(() => client.get("k")));
      client.destroy();
      return words;
    },
    "redis-py": (port) =>
      output([
        python as string,
        "-c",
        `import redis\ntry:\n redis.Redis(port=${port}).get("k")\nexcept Exception as error:\n print(type(error).__name__ + ": " + str(error))`,
      ]),
  };

  const MYSQL: Readonly<Record<string, (port: number) => Promise<string>>> = {
    mariadb: (port) => output([tools().mariadb, "-h", "127.0.0.1", "-P", String(port), "-u", "app", "-e", "SELECT 1"]),
    mysql2: (port) => failure(mysql.createConnection({ host: "127.0.0.1", port, user: "app" })),
    "mariadb (npm)": (port) => failure(mariadb.createConnection({ host: "127.0.0.1", port, user: "app" })),
    PyMySQL: (port) =>
      output([
        python as string,
        "-c",
        `import pymysql\ntry:\n pymysql.connect(host="127.0.0.1", port=${port}, user="app")\nexcept Exception as error:\n print(type(error).__name__ + ": " + str(error))`,
      ]),
  };

  const POSTGRES: Readonly<Record<string, (port: number) => Promise<string>>> = {
    psql: (port) => output([psql, `postgresql://app@127.0.0.1:${port}/orders`, "-c", "SELECT 1"]),
    "pg (npm)": (port) => failure(new pg.Client({ host: "127.0.0.1", port, user: "app", database: "orders" }).connect()),
  };

  const MONGODB: Readonly<Record<string, (port: number) => Promise<string>>> = {
    "mongodb (npm)": async (port) => {
      const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true&serverSelectionTimeoutMS=3000`);
      const words = await failure(client.db("shop").command({ ping: 1 }));
      await client.close();
      return words;
    },
  };

  for (const [service, clients] of [
    ["redis", REDIS],
    ["mysql", MYSQL],
    ["postgres", POSTGRES],
    ["mongodb", MONGODB],
  ] as const)
    for (const [client, ask] of Object.entries(clients))
      for (const [fault, code] of Object.entries(FAULTS) as [Fault, string][])
        it(`${client}, ${fault}: ${code}`, async function () {
          // Python's clients are left out where Debian's packages can't be installed.
          if (/^Py|-py$/.test(client) && python === undefined) this.skip();
          const words = await ask(portOf(service, fault));
          said.set(`${client}\n${fault}`, words);
          assert.match(words, new RegExp(`tunnel "${nameOf(service, fault)}": ${code}: `));
        });

  it("are in the document", function () {
    if (python === undefined) this.skip();
    const around = (client: string): string => {
      const words = said.get(`${client}\nfar end off`) ?? "";
      return words
        .trim()
        .split("\n")
        .find((line) => line.includes("tunnel "))
        ?.replace(/tunnel ".*?; check the target, the VPN and firewalls/, "tunnel …")
        .replace(/\(conn:[^)]*\)/, "(conn:…)")
        .replace(/port \d+/, "port 5433")
        .replaceAll("|", "\\|") as string;
    };
    const rows = [...Object.keys(REDIS), ...Object.keys(MYSQL), ...Object.keys(POSTGRES), ...Object.keys(MONGODB)].map(
      (client) => `| ${client} | \`${around(client)}\` |`,
    );
    const line = /tunnel ".*/
      .exec(said.get("redis-cli\nfar end off") ?? "")?.[0]
      .replace(/redis-far-end-off/, "cache")
      .replace(/127\.0\.0\.1:\d+/g, "10.0.0.7:6480");
    const table = ["", `\`${line}\``, "", "| Client | What it says |", "|---|---|", ...rows, ""].join("\n");
    const before = readFileSync(DOCUMENT, "utf8");
    const [from, to] = MARKS.map((mark) => before.indexOf(mark)) as [number, number];
    assert.ok(from >= 0 && to > from);
    const after = `${before.slice(0, from)}${MARKS[0]}\n${table}\n${before.slice(to)}`;
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(DOCUMENT, after);
    else assert.equal(before, after, "write it with UPDATE_DOCS=1");
  });
});
