/**
 * What diagnosis says about real services behind a far end: passwords, clusters, limits, blocked hosts; and that a
 * diagnosis never counts as an error in MariaDB. MariaDB sees 127.0.0.2, since 127.0.0.1 is never blocked.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as net from "node:net";
import { closing, farEnd, refusing, saying } from "../support/diagnose/faults.ts";
import { digClosableHole, digHole } from "../support/diagnose/hole.ts";
import { diagnoseAt, NO_REFUSAL, outcomes, QUICK, SILENT } from "../support/diagnose/subject.ts";
import { startSink } from "../support/process/backend.ts";
import { run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { PROTECTED_MODE } from "../support/refusals.ts";
import { startMariaDb, startRedis, tools } from "../support/servers.ts";
import { Stage, stageForAll, stageForEach } from "../support/stage.ts";

const NO_SERVERS = { redis: "", mariaDb: "" };
/** A far end that connects to its backend from another address than 127.0.0.1. */
const FROM_ELSEWHERE = { maker: "ours", args: ["-b", "127.0.0.2"] } as const;
const ELSEWHERE = { kind: "tcp", host: "127.0.0.2", port: 0 } as const;

/** Without this, clients that hold its connections and never log in are closed after ten seconds. */
const KEEPS_STRANGERS = "--connect-timeout=600";

/** Without this MariaDB keeps no record of hosts, and blocks none. */
const COUNTS_HOSTS = ["--skip-name-resolve=0", "--host-cache-size=64"];

/** Bytes of the first thing a server says to a connection from `localAddress`. */
async function firstWords(stage: Stage, port: number, localAddress = "127.0.0.1"): Promise<Buffer> {
  const socket = net.connect({ port, host: "127.0.0.1", localAddress });
  stage.own(() => socket.destroy());
  socket.on("error", () => {});
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return bytes;
}

describe("diagnosis of Redis", () => {
  const stage = stageForEach();

  async function diagnoseRedis(args: readonly string[], prepare: (port: number) => Promise<void> = async () => {}) {
    const redis = await startRedis(...args);
    stage.own(() => redis.stop());
    await prepare(redis.port);
    const wanted = await farEnd({ service: "redis", backend: `127.0.0.1:${redis.port}` })(stage, NO_SERVERS);
    return diagnoseAt(wanted, { context: { timings: { ...QUICK, strangerMs: 60_000 } } });
  }

  it("is well with a cluster node, and warns that it is one", async () => {
    const report = await diagnoseRedis(["--cluster-enabled", "yes"]);
    assert.equal(report.code, null);
    assert.deepEqual(
      report.warnings.map(({ about }) => about),
      ["redis-cluster"],
    );
  });

  it("needs no password, and gives no warning where it can't look", async () => {
    const stages = await diagnoseRedis([]);
    assert.deepEqual(stages.warnings, []);
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const admin = net.connect(redis.port, "127.0.0.1");
    stage.own(() => admin.destroy());
    admin.write("CONFIG SET requirepass secret\r\n");
    await once(admin, "data");
    const report = await diagnoseAt(await farEnd({ service: "redis", backend: `127.0.0.1:${redis.port}` })(stage, NO_SERVERS));
    assert.deepEqual([report.code, report.certain, report.warnings], [null, true, []]);
    assert.match(report.cause, /NOAUTH/);
  });

  it("says BACKEND_BLOCKED when it takes no more clients", async () => {
    const report = await diagnoseRedis([], async (port) => {
      const admin = net.connect(port, "127.0.0.1");
      stage.own(() => admin.destroy());
      admin.write("CONFIG SET maxclients 1\r\n");
      await once(admin, "data");
    });
    assert.deepEqual([report.code, report.certain, report.stages.at(-1)?.ok], ["BACKEND_BLOCKED", true, false]);
    assert.match(report.cause, /max number of clients/);
  });
});

describe("diagnosis of MariaDB", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let port: number;
  let socket: string;

  before(async () => {
    const database = await startMariaDb("--max-connections=10", "--max-connect-errors=2", KEEPS_STRANGERS, ...COUNTS_HOSTS);
    all.own(() => database.stop());
    port = database.port;
    socket = database.socket;
  });

  it("says BACKEND_DOWN, certain, in the database's words, when no account may come from the far end's host (1130)", async () => {
    const report = await diagnoseAt(await through("mysql"));
    assert.deepEqual([report.code, report.certain, report.stages.at(-1)?.ok], ["BACKEND_DOWN", true, false]);
    assert.match(report.cause, /1130.*127\.0\.0\.2.*not allowed/);
  });

  it("succeeds once there is such an account", async () => {
    const { code, stderr } = await run(stage, [tools().mariadb, "--no-defaults", "-S", socket, "-u", "root", "-e", "CREATE USER 'elsewhere'@'127.0.0.2'"]);
    assert.equal(code, 0, stderr);
    assert.equal((await diagnoseAt(await through("mysql"))).code, null);
  });

  const through = (service: "mysql" | "redis" | "tcp") => farEnd({ ...FROM_ELSEWHERE, service, backend: `127.0.0.1:${port}` })(stage, NO_SERVERS);

  it("does not count as an error in MariaDB, nor does a diagnosis that expects Redis: after five of each the host isn't blocked", async () => {
    for (const service of ["redis", "mysql"] as const) {
      const wanted = await through(service);
      const codes = [];
      for (let round = 0; round < 5; round++) codes.push((await diagnoseAt(wanted)).code);
      assert.deepEqual(codes, Array(5).fill(service === "mysql" ? null : "BACKEND_DOWN"));
    }
  });

  it("does not count as an error from the server role either", async () => {
    for (let round = 0; round < 5; round++) {
      const report = await diagnoseAt({ role: "server", service: "mysql", target: `127.0.0.1:${port}`, bind: ELSEWHERE });
      assert.equal(report.code, null);
    }
  });

  it("says BACKEND_BLOCKED when its connections are all in use (1040)", async () => {
    const held = await Promise.all(Array.from({ length: 11 }, () => firstWords(stage, port)));
    assert.equal(held.length, 11);
    const report = await diagnoseAt(await through("mysql"));
    assert.deepEqual([report.code, report.certain], ["BACKEND_BLOCKED", true], JSON.stringify(report));
    assert.match(report.cause, /1040/);
    assert.match(report.cure, /max_connections/);
  });

  it("says BACKEND_BLOCKED when it has blocked the far end's host (1129), from either role", async () => {
    const isBlocked = async (): Promise<boolean> => {
      const visit = new Stage();
      const words = await firstWords(visit, port, "127.0.0.2");
      await visit.end();
      return words.includes("is blocked");
    };
    await until(isBlocked, { what: "the host was blocked" });
    const report = await diagnoseAt(await through("mysql"));
    assert.deepEqual([report.code, report.certain], ["BACKEND_BLOCKED", true], JSON.stringify(report));
    assert.match(report.cause, /1129/);
    assert.match(report.cure, /FLUSH HOSTS/);
    const own = await diagnoseAt({ role: "server", service: "mysql", target: `127.0.0.1:${port}`, bind: ELSEWHERE });
    assert.deepEqual([own.code, own.certain], ["BACKEND_BLOCKED", true]);
  });
});

describe("diagnosis of a backend that refuses late", () => {
  const stage = stageForEach();

  it("says BACKEND_DOWN, certain, behind Debian's spiped: the key was proved before", async () => {
    // A full backlog drops the SYN; when the program is gone, the next one, a second later, is refused.
    const hole = await digClosableHole(stage);
    const wanted = await farEnd({ service: "mysql", backend: hole.address })(stage, NO_SERVERS);
    const running = diagnoseAt(wanted, {
      context: { timings: NO_REFUSAL, onProgress: (progress) => void (progress.at === "begun" && progress.stage === "backend" && hole.close()) },
    });
    const report = await running;
    assert.deepEqual([report.code, report.certain], ["BACKEND_DOWN", true], JSON.stringify(report));
    assert.match(report.cause, /key is right/);
  });
});

describe("diagnosis of the server role", () => {
  const stage = stageForEach();

  it("is well, never certain, when its target answers, and asks it directly", async () => {
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const report = await diagnoseAt({ role: "server", service: "redis", target: `127.0.0.1:${redis.port}` });
    assert.deepEqual([report.code, report.certain], [null, false]);
    assert.match(report.cause, /PONG.*can't be known from here/);
    assert.equal(outcomes(report), "dial:true nonce:null key-proof:null forward-secrecy:null backend:true service:true");
  });

  it("is well, never certain, with a service of no known kind", async () => {
    const report = await diagnoseAt({ role: "server", target: (await startSink(stage)).address }, { context: { timings: SILENT } });
    assert.deepEqual([report.code, report.certain], [null, false]);
  });

  it("says BACKEND_BLOCKED when its Redis is in protected mode", async () => {
    const report = await diagnoseAt({ role: "server", service: "redis", target: await saying(PROTECTED_MODE)(stage) });
    assert.deepEqual([report.code, report.certain], ["BACKEND_BLOCKED", true]);
    assert.match(report.cause, /protected mode/);
    assert.match(report.cure, /protected mode/);
  });

  for (const [fault, target, service, code, certain] of [
    ["a name nobody knows", async () => "no-such-host.invalid:1", "redis", "DNS_FAILED", true],
    ["a target that refuses", refusing, "redis", "CONNECT_REFUSED", true],
    ["a target that swallows connections", (on: Stage) => digHole(on), "redis", "CONNECT_TIMEOUT", true],
    ["a target that closes", closing, "mysql", "BACKEND_DOWN", true],
    ["a target that says nothing", async (on: Stage) => (await startSink(on)).address, "redis", "BACKEND_DOWN", false],
  ] as const) {
    it(`says ${code}: ${fault}`, async () => {
      const report = await diagnoseAt(
        { role: "server", service, target: await target(stage), timeoutMs: 1_500 },
        { context: { timings: { ...QUICK, serviceMs: 500 } } },
      );
      assert.deepEqual([report.code, report.certain], [code, certain], JSON.stringify(report));
      assert.doesNotMatch(report.cause, /far side/);
    });
  }
});
