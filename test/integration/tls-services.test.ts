/**
 * A Redis or MariaDB that speaks TLS itself, behind our far end and behind Debian's: every command names TLS where the
 * entry is wrong about TLS, and uses TLS where the entry has it. The servers and the clients are real ones.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import mysql from "mysql2";
import type { Maker } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { startMariaDb, tools } from "../support/servers.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";
import { startTlsMariaDb, startTlsRedis, type TlsRedis } from "../support/tls-servers.ts";

const SET = /speaks TLS.*[Ss]et "tls": true/s;
const UNSET = /speaks no TLS.*[Rr]emove "tls": true/s;

for (const maker of ["ours", "Debian's"] as const satisfies readonly Maker[]) {
  describe(`Redis with TLS behind ${maker === "ours" ? "our far end" : "Debian's spiped"}`, () => {
    const all = stageForAll();
    const stage = stageForEach();
    let redis: TlsRedis;

    before(async () => {
      redis = await startTlsRedis(all);
    });

    /** A folder with one entry, approved and open. */
    async function opened(port: number, more: Readonly<Record<string, unknown>> = {}): Promise<Workspace> {
      const folder = new Workspace(stage);
      const target = await startFarEnd(stage, { port, key: folder.key(), maker });
      folder.write({ cache: { service: "redis", listen: 0, target, key: "team", ...more } });
      assert.equal((await folder.run(["up", "-y"])).code, 0);
      return folder;
    }

    async function stateOf(folder: Workspace) {
      const [tunnel] = (await folder.status()).tunnels;
      assert.ok(tunnel);
      return tunnel;
    }

    it("is named by up --wait, wait, exec, status and diagnose when the entry doesn't say so, each with the cure", async () => {
      const folder = await opened(redis.tlsPort);
      const outputs: string[] = [];
      for (const args of [
        ["up", "-y", "--wait", "20"],
        ["wait", "cache"],
        ["exec", "cache", "--", "true"],
        ["diagnose", "cache"],
      ]) {
        const { code, stdout, stderr } = await folder.run(args);
        assert.equal(code, 1, args.join(" "));
        outputs.push(`${stdout}${stderr}`);
      }
      for (const output of outputs) assert.match(output, SET);
      const { state, lastFailure } = await stateOf(folder);
      assert.deepEqual([state, lastFailure?.code], ["degraded", "BACKEND_DOWN"]);
      assert.match(lastFailure?.message ?? "", SET);
    });

    it("is verified with the entry's TLS, by up --wait, wait, exec and diagnose", async () => {
      const folder = await opened(redis.tlsPort, { tls: true });
      for (const args of [
        ["up", "-y", "--wait", "20"],
        ["wait", "cache"],
        ["exec", "cache", "--", "true"],
      ]) {
        const { code, stderr } = await folder.run(args);
        assert.deepEqual([code, stderr.includes("BACKEND_DOWN")], [0, false], stderr);
      }
      assert.equal((await stateOf(folder)).state, "verified");
      const { code, stdout } = await folder.run(["diagnose", "cache", "--json"]);
      const report = JSON.parse(stdout.toString());
      assert.deepEqual([code, report.code, report.certain], [0, null, true], stdout.toString());
      assert.match(report.cause, /Redis \(PONG\) over TLS answers/);
    });

    it("gets rediss:// from url, in exec's variables and for the URL's placeholder", async () => {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of tunnels.json
      const folder = await opened(redis.tlsPort, { tls: true, database: 2, env: { CACHE_URL: "${url}" } });
      const url = (await folder.run(["url", "cache"])).stdout.toString().trim();
      assert.match(url, /^rediss:\/\/127\.0\.0\.1:\d+\/2$/);
      const { stdout } = await folder.run(["exec", "cache", "--", "sh", "-c", 'echo "$TUNNEL_CACHE_URL $CACHE_URL"']);
      assert.equal(stdout.toString().trim(), `${url} ${url}`);
      const client = new Redis(url, { tls: { ca: readFileSync(redis.cert), servername: "cache.example.com" } });
      stage.own(() => client.disconnect());
      assert.equal(await client.ping(), "PONG");
    });

    it("answers redis-cli --tls at the tunnel's port", async () => {
      const { listen } = await stateOf(await opened(redis.tlsPort, { tls: true }));
      const port = listen.slice(listen.lastIndexOf(":") + 1);
      const { stdout } = await run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", port, "--tls", "--cacert", redis.cert, "ping"]);
      assert.equal(stdout.toString().trim(), "PONG");
    });

    it("is verified by a client's TLS traffic, without a probe", async () => {
      const folder = await opened(redis.tlsPort, { tls: true });
      const { listen } = await stateOf(folder);
      const client = new Redis({ host: "127.0.0.1", port: Number(listen.slice(listen.lastIndexOf(":") + 1)), tls: { rejectUnauthorized: false } });
      stage.own(() => client.disconnect());
      await client.ping();
      const { state, lastFailure } = await stateOf(folder);
      assert.deepEqual([state, lastFailure], ["verified", null]);
    });

    it("is alive, with the entry's TLS, when it wants a certificate of its clients", async () => {
      const strict = await startTlsRedis(stage, { clientCertificates: true });
      const folder = await opened(strict.tlsPort, { tls: true });
      const { code, stderr } = await folder.run(["wait", "cache"]);
      assert.equal(code, 0, stderr);
      const report = JSON.parse((await folder.run(["diagnose", "cache", "--json"])).stdout.toString());
      assert.deepEqual([report.code, report.certain], [null, false]);
      assert.match(report.cause, /speaks TLS.*certificate/);
    });

    it("is named when it speaks no TLS and the entry says that it does", async () => {
      // Its silence to TLS is reported after twice this time and five seconds, and "wait" waits for thirty.
      const folder = await opened(redis.plainPort, { tls: true, timeoutSeconds: 5 });
      for (const args of [
        ["wait", "cache"],
        ["diagnose", "cache"],
      ]) {
        const { code, stdout, stderr } = await folder.run(args);
        assert.equal(code, 1, args.join(" "));
        assert.match(`${stdout}${stderr}`, UNSET);
      }
    });

    it("is found to be a cluster node inside TLS, too", async () => {
      const node = await startTlsRedis(stage, { args: ["--cluster-enabled", "yes"] });
      const report = JSON.parse((await (await opened(node.tlsPort, { tls: true })).run(["diagnose", "cache", "--json"])).stdout.toString());
      assert.equal(report.code, null);
      assert.deepEqual(
        report.warnings.map(({ about }: { about: string }) => about),
        ["redis-cluster"],
      );
    });

    it("does not hide that the service is down: a far end without a backend is BACKEND_DOWN with and without TLS", async () => {
      for (const tls of [true, false]) {
        const folder = new Workspace(stage, `down-${tls}`);
        const target = await startFarEnd(stage, { port: 1, key: folder.key(), maker });
        folder.write({ cache: { service: "redis", listen: 0, target, key: "team", tls } });
        const report = JSON.parse(
          (await folder.run(["approve", "-y", "cache"])).code === 0 ? (await folder.run(["diagnose", "cache", "--json"])).stdout.toString() : "{}",
        );
        assert.equal(report.code, "BACKEND_DOWN");
        assert.doesNotMatch(report.cause, /TLS/);
      }
    });
  });
}

describe("a server entry in front of a Redis with TLS", () => {
  const stage = stageForEach();

  it("is diagnosed with TLS where it says so, and the diagnosis tells it to say so where it does not", async () => {
    const redis = await startTlsRedis(stage);
    const folder = new Workspace(stage);
    folder.key();
    for (const [tls, cause] of [
      [false, /speaks TLS, and the entry does not say so/],
      [true, /Redis \(PONG\) over TLS answers/],
    ] as const) {
      folder.write({ end: { role: "server", service: "redis", listen: 0, target: `127.0.0.1:${redis.tlsPort}`, key: "team", tls } });
      const report = JSON.parse((await folder.run(["diagnose", "end", "--json", "--config", folder.configPath])).stdout.toString());
      assert.deepEqual([report.code], [tls ? null : "BACKEND_DOWN"], report.cause);
      assert.match(report.cause, cause);
    }
  });
});

describe("MariaDB with TLS behind a far end", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let database: Awaited<ReturnType<typeof startTlsMariaDb>>;

  before(async () => {
    database = await startTlsMariaDb(all, "--require-secure-transport=ON");
  });

  async function opened(port: number, more: Readonly<Record<string, unknown>> = {}): Promise<Workspace> {
    const folder = new Workspace(stage);
    const target = await startFarEnd(stage, { port, key: folder.key(), maker: "ours" });
    folder.write({ orders: { service: "mysql", listen: 0, target, key: "team", user: database.user, database: database.database, ...more } });
    assert.equal((await folder.run(["up", "-y"])).code, 0);
    return folder;
  }

  it("is well, and diagnosis says that it may demand TLS while the entry doesn't mention TLS", async () => {
    const folder = await opened(database.port);
    const { code, stdout } = await folder.run(["diagnose", "orders"]);
    assert.equal(code, 0, stdout.toString());
    assert.match(stdout.toString(), /offers TLS.*require_secure_transport.*"tls": true/s);
  });

  it("is well without a word about TLS when the entry has TLS, and its URL leads a client through", async () => {
    const folder = await opened(database.port, { tls: true });
    assert.equal((await folder.run(["wait", "orders"])).code, 0);
    const report = JSON.parse((await folder.run(["diagnose", "orders", "--json"])).stdout.toString());
    assert.deepEqual([report.code, report.warnings], [null, []]);
    const url = new URL((await folder.run(["url", "orders"])).stdout.toString().trim());
    assert.equal(url.search, "?ssl-mode=REQUIRED");
    const { user, password } = database;
    const client = mysql.createConnection({ host: "127.0.0.1", port: Number(url.port), user, password, ssl: { rejectUnauthorized: false } });
    stage.own(() => client.destroy());
    const [rows] = await client.promise().query("SHOW STATUS LIKE 'Ssl_version'");
    assert.match(JSON.stringify(rows), /TLSv1/);
  });

  it("answers mariadb --ssl at the tunnel's port", async () => {
    const folder = await opened(database.port, { tls: true });
    const [{ listen = "" } = {}] = (await folder.status()).tunnels;
    const args = [
      "--no-defaults",
      "--protocol=TCP",
      "--host=127.0.0.1",
      `--port=${listen.slice(listen.lastIndexOf(":") + 1)}`,
      `--user=${database.user}`,
      "--ssl",
    ];
    const input = "SHOW STATUS LIKE 'Ssl_version';";
    const { stdout, stderr } = await run(stage, [tools().mariadb, ...args], { input, env: { ...process.env, MYSQL_PWD: database.password } });
    assert.match(stdout.toString(), /TLSv1/, stderr);
  });

  it("is named when it offers no TLS and the entry says that it speaks TLS", async () => {
    const plain = await startMariaDb("--skip-ssl");
    stage.own(() => plain.stop());
    const folder = await opened(plain.port, { tls: true });
    for (const args of [
      ["wait", "orders"],
      ["diagnose", "orders"],
    ]) {
      const { code, stdout, stderr } = await folder.run(args);
      assert.equal(code, 1, args.join(" "));
      assert.match(`${stdout}${stderr}`, UNSET);
    }
  });
});

describe("live traffic to a Redis with TLS", () => {
  const stage = stageForEach();

  it("of a client without TLS leaves the tunnel degraded, and a client with TLS makes it verified again", async () => {
    const redis = await startTlsRedis(stage);
    const folder = new Workspace(stage);
    folder.write({
      cache: { service: "redis", listen: 0, target: await startFarEnd(stage, { port: redis.tlsPort, key: folder.key(), maker: "ours" }), key: "team" },
    });
    assert.equal((await folder.run(["up", "-y"])).code, 0);
    const [{ listen = "" } = {}] = (await folder.status()).tunnels;
    const plain = await connectTo(stage, listen);
    plain.socket.write("PING\r\n");
    await plain.closed();
    assert.equal((await folder.status()).tunnels[0]?.state, "degraded");
    const client = new Redis({ host: "127.0.0.1", port: Number(listen.slice(listen.lastIndexOf(":") + 1)), tls: { rejectUnauthorized: false } });
    stage.own(() => client.disconnect());
    await client.ping();
    assert.equal((await folder.status()).tunnels[0]?.state, "verified");
  });
});
