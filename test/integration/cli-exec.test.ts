/**
 * exec: a command with its tunnels, and nothing left of them afterwards.
 */
import assert from "node:assert/strict";
import { constants } from "node:os";
import { freeAddress, makeKey } from "../support/process/ends.ts";
import { startGate } from "../support/process/gate.ts";
import { connectTo } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { startMariaDb, startRedis, tools } from "../support/servers.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";

const URL_TEMPLATE = "$" + "{url}";

describe("tunneld exec", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let redisPort: number;
  let workspace: Workspace;
  let key: string;
  let listen: string;

  before(async () => {
    const redis = await startRedis();
    all.own(() => redis.stop());
    redisPort = redis.port;
  });

  beforeEach(async () => {
    workspace = new Workspace(stage);
    key = workspace.key();
    listen = await freeAddress();
    const target = await startFarEnd(stage, { port: redisPort, key });
    workspace.write({ cache: { service: "redis", listen, target, key: "team", database: 0, env: { REDIS_URL: URL_TEMPLATE } } });
    assert.equal((await workspace.run(["approve", "cache", "--yes"])).code, 0);
  });

  const exec = (...command: string[]) => workspace.run(["exec", "cache", "--", ...command]);
  const node = (script: string) => exec(process.execPath, "-e", script);

  it("runs redis-cli through a tunnel that was not open", async () => {
    const { code, stdout, stderr } = await exec(tools().redisCli, "-h", "127.0.0.1", "-p", listen.replace(/^.*:/, ""), "ping");
    assert.deepEqual([code, stdout.toString(), stderr], [0, "PONG\n", ""]);
  });

  it("gives the command the entry's variables and TUNNEL_NAME_URL, _HOST and _PORT", async () => {
    const { stdout } = await node("const e = process.env; console.log([e.REDIS_URL, e.TUNNEL_CACHE_URL, e.TUNNEL_CACHE_HOST, e.TUNNEL_CACHE_PORT].join())");
    const port = listen.replace(/^.*:/, "");
    assert.equal(stdout.toString(), `redis://127.0.0.1:${port}/0,redis://127.0.0.1:${port}/0,127.0.0.1,${port}\n`);
  });

  it("passes arguments on as they are, without a shell, and standard input too", async () => {
    const args = ["--help", "$(id)", "a b", "--", "--yes"];
    const { stdout } = await workspace.run(
      [
        "exec",
        "cache",
        "--",
        process.execPath,
        "-e",
        "process.stdin.on('data', (d) => console.log(process.argv.slice(1).join('|'), String(d)))",
        "--",
        ...args,
      ],
      { input: "hello" },
    );
    assert.equal(stdout.toString(), `${args.join("|")} hello\n`);
  });

  for (const code of [0, 1, 42]) {
    it(`ends with the command's exit code: ${code}`, async () => {
      assert.equal((await node(`process.exit(${code})`)).code, code);
    });
  }

  it("ends with 128 + n when a signal ended the command", async () => {
    assert.equal((await node("process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 600_000)")).code, 128 + constants.signals.SIGKILL);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it(`passes ${signal} on to the command`, async () => {
      const script = `process.on("${signal}", () => { console.log("got it"); process.exit(3); }); console.log("ready"); setTimeout(() => {}, 600_000);`;
      const program = workspace.start(["exec", "cache", "--", process.execPath, "-e", script]);
      await until(() => program.stdout.includes("ready"), { what: "the command ran" });
      const { code } = await program.kill(signal);
      assert.deepEqual([code, program.stdout], [3, "ready\ngot it\n"]);
    });
  }

  it("ends with 127 when there is no such command", async () => {
    const { code, stderr } = await exec("no-such-command");
    assert.equal(code, 127);
    assert.match(stderr, /^tunneld: no-such-command: command not found$/);
  });

  it("hands the user's environment to the command, but not the variables that make Electron run us", async () => {
    const { stdout } = await workspace.run(["exec", "cache", "--", "env"], {
      env: { ...workspace.env, NODE_OPTIONS: "--no-warnings", ELECTRON_RUN_AS_NODE: "1", ELECTRON_NO_ASAR: "1", VSCODE_PID: "1", KEPT: "yes" },
    });
    assert.doesNotMatch(stdout.toString(), /^ELECTRON_RUN_AS_NODE/m);
    for (const line of ["NODE_OPTIONS=--no-warnings", "ELECTRON_NO_ASAR=1", "VSCODE_PID=1", "KEPT=yes"]) {
      assert.ok(stdout.toString().split("\n").includes(line), line);
    }
  });

  it("closes the tunnel as soon as the command has ended", async () => {
    await node("0");
    await until(async () => (await workspace.status()).tunnels.length === 0, { what: "the tunnel was gone" });
    await assert.rejects(connectTo(stage, listen), /ECONNREFUSED/);
  });

  it("is shown as the user of the tunnel", async () => {
    const program = workspace.start(["exec", "cache", "--", "sleep", "600"]);
    await until(async () => (await workspace.status()).tunnels[0]?.users.length === 1, { what: "the lease was there" });
    assert.deepEqual((await workspace.status()).tunnels[0]?.users, [{ kind: "exec", name: "exec sleep", pid: program.pid }]);
    await program.kill("SIGTERM");
  });

  it("keeps the tunnel when somebody takes it down, unless forced", async () => {
    const program = workspace.start(["exec", "cache", "--", "sleep", "600"]);
    await until(async () => (await workspace.status()).tunnels[0]?.users.length === 1, { what: "the lease was there" });
    assert.match((await workspace.run(["down", "cache"])).stdout.toString(), /still used by exec exec sleep/);
    assert.equal((await workspace.status()).tunnels[0]?.state, "verified");
    assert.match((await workspace.run(["down", "cache", "--force"])).stdout.toString(), /^cache {2}closed$/m);
    await assert.rejects(connectTo(stage, listen), /ECONNREFUSED/);
    await program.kill("SIGTERM");
  });

  it("brings a killed daemon back, with the same port, while the command runs", async () => {
    const program = workspace.start(["exec", "cache", "--", "sh", "-c", "echo runs; exec sleep 600"]);
    await until(() => program.stdout.includes("runs"), { what: "the command ran" });
    const pid = workspace.daemonPid;
    await workspace.killDaemon();
    await until(() => workspace.daemonPid !== pid && workspace.daemonPid !== undefined, { what: "a new daemon was there" });
    await until(async () => (await workspace.status()).tunnels[0]?.state === "listening", { what: "the tunnel was open" });
    const peer = await connectTo(stage, listen);
    peer.socket.write("PING\r\n");
    await until(() => peer.received.toString() === "+PONG\r\n", { what: "Redis had answered" });
    await program.kill("SIGTERM");
  });

  it("brings a daemon back that was killed while the tunnel was opening, and runs the command", async () => {
    const gate = await startGate(stage, await startFarEnd(stage, { port: redisPort, key }));
    gate.hold();
    workspace.write({ cache: { service: "redis", listen, target: gate.target, key: "team", database: 0 } });
    assert.equal((await workspace.run(["approve", "cache", "--yes"])).code, 0);
    const program = workspace.start(["exec", "cache", "--", "sh", "-c", "echo runs; exec sleep 600"]);
    await until(async () => (await workspace.status()).tunnels[0]?.users.length === 1, { what: "the lease was there" });
    await workspace.killDaemon();
    gate.release();
    await until(() => program.stdout.includes("runs"), { what: () => `the command ran: ${program.stderr}` });
    assert.ok(workspace.daemonPid);
    await program.kill("SIGTERM");
  });

  it("does not run the command when the entry is not approved", async () => {
    workspace.write({ cache: { service: "redis", listen, target: "127.0.0.1:9", key: "team" } });
    const { code, stdout, stderr } = await exec("echo", "ran");
    assert.deepEqual([code, stdout.toString()], [1, ""]);
    assert.match(stderr, /"cache" has changed since it was approved.*\(NOT_APPROVED\)$/);
  });

  it("does not run the command when the tunnel does not work, and says why", async () => {
    const target = await startFarEnd(stage, { port: redisPort, key: makeKey(stage, "other.key") });
    workspace.write({ cache: { service: "redis", listen, target, key: "team" } });
    const { code, stdout, stderr } = await workspace.run(["exec", "cache", "--yes", "--", "echo", "ran"]);
    assert.deepEqual([code, stdout.toString()], [1, ""]);
    assert.match(stderr, /cache: .*\(KEY_MISMATCH\)$/m);
  });

  it("runs mariadb through a tunnel with the URL's user and database", async () => {
    const database = await startMariaDb();
    stage.own(() => database.stop());
    const target = await startFarEnd(stage, { port: database.port, key });
    workspace.write({ orders: { service: "mysql", listen: 0, target, key: "team", user: database.user, database: database.database } });
    const command = 'exec "$MARIADB" --defaults-file="$DEFAULTS" -P "$TUNNEL_ORDERS_PORT" -N -e "select 6 * 7"';
    const { code, stdout, stderr } = await workspace.run(["exec", "orders", "--yes", "--", "sh", "-c", command], {
      env: { ...workspace.env, MARIADB: tools().mariadb, DEFAULTS: database.defaultsFile },
    });
    assert.deepEqual([code, stdout.toString()], [0, "42\n"], stderr);
  });

  it("refuses a call without tunnel or without command", async () => {
    for (const args of [
      ["exec", "cache"],
      ["exec", "--", "true"],
      ["exec", "cache", "--"],
    ]) {
      const { code, stderr } = await workspace.run(args);
      assert.equal(code, 1);
      assert.match(stderr, /tunneld exec NAME… -- COMMAND…/);
    }
  });
});
