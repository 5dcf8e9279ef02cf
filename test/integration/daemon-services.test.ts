/**
 * Real databases behind a daemon: probes verify them and do no harm, and live connections survive a wake.
 */
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { createConnection } from "mysql2/promise";
import { startBackend } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { approveAll, Home, portOf } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { startMariaDb, startRedis, tools } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";
import { APP, Managed } from "../support/tunnels/managed.ts";
import { startEnd as startHere } from "../support/wire/ends.ts";

/** More than the default max_connect_errors of MariaDB. */
const PROBES = 110;

describe("a daemon in front of real services", () => {
  const stage = stageForEach();
  const scope = stageForEach();

  it("verifies a Redis by one probe, with a password or without", async () => {
    const home = new Home(stage);
    const key = home.key("team");
    const [open, closed] = [await startRedis(), await startRedis()];
    for (const redis of [open, closed]) stage.own(() => redis.stop());
    const admin = new Redis({ host: "127.0.0.1", port: closed.port });
    stage.own(() => admin.disconnect());
    await admin.config("SET", "requirepass", "secret");
    const ends = await Promise.all(
      [open, closed].map(({ port }) => startEnd(stage, { maker: "Debian's", role: "-d", target: `[127.0.0.1]:${port}`, key, args: ["-g"] })),
    );
    const configPath = home.workspace("app", Object.fromEntries(ends.map(({ address }, index) => [`r${index}`, { target: address, service: "redis" }])));
    const cli = home.client({ kind: "cli" });
    await approveAll(cli, configPath);
    for (const name of ["r0", "r1"]) {
      const { state, totalConnections } = await cli.daemon.request("tunnel/open", { configPath, name, probe: true });
      assert.deepEqual([state, totalConnections], ["verified", 1]);
    }
    // One that wants a password does not say.
    const { tunnels } = await cli.daemon.request("tunnels/list", {});
    const products = tunnels.toSorted((a, b) => a.name.localeCompare(b.name)).map(({ product }) => product);
    assert.match(products[0] ?? "", /^(?:Redis|Valkey) \d+\.\d+/);
    assert.equal(products[1], undefined);
  });

  it("leaves no connection open when a service says nothing", async () => {
    const home = new Home(stage);
    const silent = await startBackend(stage, () => {});
    const far = await startEnd(stage, { maker: "Debian's", role: "-d", target: silent.address, key: home.key("team") });
    const entry = { target: far.address, timeoutSeconds: 1 };
    const configPath = home.workspace("app", { redis: { ...entry, service: "redis" }, tcp: { ...entry, service: "tcp" } });
    const cli = home.client({ kind: "cli" });
    await approveAll(cli, configPath);
    const states = await Promise.all(["redis", "tcp"].map((name) => cli.daemon.request("tunnel/open", { configPath, name, probe: true })));
    assert.deepEqual(
      states.map(({ state }) => state),
      ["degraded", "key-verified"],
    );
    await until(() => silent.peers.length === 2 && silent.peers.every((peer) => peer.hasEnded), { what: "the far end had ended both" });
    const { tunnels } = await cli.daemon.request("tunnels/list", {});
    assert.deepEqual(
      tunnels.map(({ openConnections }) => openConnections),
      [0, 0],
    );
  });

  it(`does not make MariaDB block this host with ${PROBES} probes, though connections that only close would`, async () => {
    // 127.0.0.1 is never blocked, so the server end dials from 127.0.0.2. And without host names MariaDB blocks nobody.
    const maria = await startMariaDb("--max-connect-errors=5", "--skip-name-resolve=0");
    stage.own(() => maria.stop());
    // Without this account, MariaDB turns the host away before any greeting.
    const root = [tools().mariadb, "--no-defaults", `--socket=${maria.socket}`, "--user=root"] as const;
    await run(stage, root, { input: "CREATE USER somebody@'127.0.0.2' IDENTIFIED BY 'a password';" });
    const home = new Home(stage);
    home.key("team");
    const configPath = home.workspace("app", {
      far: { role: "server", service: "mysql", target: `127.0.0.1:${maria.port}`, bind: "127.0.0.2" },
    });
    const client = home.client();
    await approveAll(client, configPath);
    const far = await client.daemon.request("tunnel/open", { configPath, name: "far" });
    const near = home.workspace("near", {
      db: { service: "mysql", target: far.listen },
      raw: { service: "tcp", target: far.listen },
    });
    await approveAll(client, near);
    await client.daemon.request("tunnel/open", { configPath: near, name: "db", probe: true });
    for (let count = 1; count < PROBES; count += 1) {
      const { state, lastFailure } = await client.daemon.request("tunnel/probe", { configPath: near, name: "db" });
      assert.deepEqual([state, lastFailure?.code], ["verified", undefined], `probe ${count}`);
    }
    // Connections that close without a login prove that this server does block.
    const raw = await client.daemon.request("tunnel/open", { configPath: near, name: "raw" });
    for (let count = 0; count < 10; count += 1) {
      const peer = await connectTo(stage, raw.listen);
      await peer.has(1);
      await peer.closedByUs();
    }
    const blocked = await client.daemon.request("tunnel/probe", { configPath: near, name: "db" });
    assert.deepEqual([blocked.state, blocked.lastFailure?.code], ["degraded", "BACKEND_BLOCKED"]);
  });

  it("carries a transaction over a wake", async () => {
    const maria = await startMariaDb();
    stage.own(() => maria.stop());
    const far = await startHere(scope, { role: "server", target: maria.port });
    const managed = new Managed(scope);
    managed.house.write(APP, { db: { service: "mysql", target: `localhost:${far.port}` } });
    const [opened] = await managed.want(managed.client(), APP, "db");
    assert.ok(opened);
    const { user, password, database } = maria;
    const connection = await createConnection({ host: "127.0.0.1", port: portOf(opened.listen), user, password, database });
    try {
      await connection.query("CREATE TABLE slept (n INT)");
      await connection.beginTransaction();
      await connection.query("INSERT INTO slept VALUES (1)");
      managed.house.time.sleep(8 * 3_600_000);
      managed.manager.wake();
      await connection.query("INSERT INTO slept VALUES (2)");
      await connection.commit();
      const [rows] = await connection.query("SELECT n FROM slept ORDER BY n");
      assert.deepEqual(rows, [{ n: 1 }, { n: 2 }]);
    } finally {
      connection.destroy();
    }
  });
});
