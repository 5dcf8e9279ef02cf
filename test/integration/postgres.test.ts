/** A real PostgreSQL behind both wires: verified without an account, asked by its clients, and named when it can't be had. */
import assert from "node:assert/strict";
import pg from "pg";
import { type RunningPostgres, startPostgres } from "../../scripts/lib/postgres.mjs";
import { provision } from "../../scripts/lib/provision.mjs";
import { run } from "../support/process/run.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";
import { closedPort } from "../support/wire/peer.ts";

describe("a PostgreSQL behind a tunnel", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let database: RunningPostgres;
  let psql = "";
  let sites = 0;

  before(async () => {
    database = await startPostgres();
    all.own(() => database.stop());
    ({ psql } = await provision(["postgres"]));
  });

  /** A tunnel to `backend` over one of the wires. */
  async function site(wire: "native" | "spiped", backend: string, more: object = {}): Promise<Workspace> {
    sites += 1;
    const near = new Workspace(stage, `near${sites}`);
    const key = near.key("team");
    const entry = { service: "postgres", listen: 0, key: "team", user: database.user, database: database.database, timeoutSeconds: 10, ...more };
    if (wire === "spiped") {
      near.write({ db: { ...entry, target: (await startFarEnd(stage, { port: Number(backend.split(":").at(-1)), key })).replace(/[[\]]/g, "") } });
      return near;
    }
    const farPort = await closedPort();
    const far = new Workspace(stage, `far${sites}`);
    far.write({ far: { role: "server", service: "postgres", listen: `127.0.0.1:${farPort}`, target: backend, key: { file: key } } });
    const serving = far.start(["serve", "--config", far.configPath, "--state-dir", far.stateDir]);
    stage.own(() => serving.child.kill());
    await serving.logs(/far listens at/);
    near.write({ db: { ...entry, target: `127.0.0.1:${farPort}` } });
    return near;
  }

  for (const wire of ["native", "spiped"] as const)
    it(`is verified by one question, and asked by psql, pg and exec, on the ${wire} wire`, async () => {
      const near = await site(wire, `127.0.0.1:${database.port}`);
      const up = await near.run(["up", "--yes", "--wait", "60"]);
      assert.equal(up.code, 0, up.stderr);
      const [tunnel] = (await near.status()).tunnels;
      assert.deepEqual([tunnel?.state, tunnel?.service], ["verified", "postgres"]);

      const url = (await near.run(["url", "db"])).stdout.toString().trim();
      assert.match(url, /^postgresql:\/\/tunnel@127\.0\.0\.1:\d+\/postgres$/);
      const asked = await run(stage, [psql, url, "-tAc", "SELECT 6 * 7"]);
      assert.deepEqual([asked.stdout.toString().trim(), asked.stderr], ["42", ""]);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      stage.own(() => client.end());
      assert.deepEqual((await client.query("SELECT repeat('x', 1000000) AS big")).rows[0].big.length, 1_000_000);
      const ran = await near.run(["exec", "--yes", "db", "--", psql, "-tAc", "SELECT 1", url]);
      assert.equal(ran.stdout.toString().trim(), "1", ran.stderr);
    });

  it("is diagnosed: there, with no TLS, down, and another service", async () => {
    const diagnosis = async (near: Workspace): Promise<string> => {
      await near.run(["up", "--yes"]);
      const { stdout, stderr } = await near.run(["diagnose", "db"]);
      return `${stdout}${stderr}`;
    };
    assert.match(await diagnosis(await site("native", `127.0.0.1:${database.port}`)), /PostgreSQL answers/);
    assert.match(await diagnosis(await site("spiped", `127.0.0.1:${database.port}`)), /PostgreSQL answers/);
    assert.match(await diagnosis(await site("native", `127.0.0.1:${database.port}`, { tls: true })), /speaks no TLS/);
    assert.match(await diagnosis(await site("native", `127.0.0.1:${await closedPort()}`)), /BACKEND_DOWN/);
  });

  it("that has no place for anybody is named in its own words to whoever connects without asking for TLS", async () => {
    const full = await startPostgres({ args: ["-c", "max_connections=4", "-c", "superuser_reserved_connections=0", "-c", "max_wal_senders=0"] });
    stage.own(() => full.stop());
    const near = await site("native", `127.0.0.1:${full.port}`);
    assert.equal((await near.run(["up", "--yes", "--wait", "60"])).code, 0);
    const url = (await near.run(["url", "db"])).stdout.toString().trim();
    const clients = Array.from({ length: 5 }, () => new pg.Client({ connectionString: url }));
    const connected = await Promise.allSettled(clients.map((client) => client.connect()));
    for (const [index, client] of clients.entries()) if (connected[index]?.status === "fulfilled") stage.own(() => client.end());
    assert.ok(connected.some(({ status }) => status === "rejected"));
    const [tunnel] = (await near.status()).tunnels;
    assert.equal(tunnel?.lastFailure?.code, "BACKEND_BLOCKED");
    assert.match(tunnel?.lastFailure?.message ?? "", /too many clients/);
  });
});
