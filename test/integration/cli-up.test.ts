/**
 * up, status, wait, restart and down, with a real Redis behind Debian's spiped.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Diagnosis } from "../../shared/contract/diagnosis.ts";
import { startBackend } from "../support/process/backend.ts";
import { freeAddress, makeKey } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { mysqlErrorPacket, PROTECTED_MODE } from "../support/refusals.ts";
import { startRedis, tools } from "../support/servers.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";

describe("tunneld up", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let redisPort: number;
  let workspace: Workspace;
  let key: string;

  before(async () => {
    const redis = await startRedis();
    all.own(() => redis.stop());
    redisPort = redis.port;
  });

  beforeEach(() => {
    workspace = new Workspace(stage);
    key = workspace.key();
  });

  async function cacheEntry(more: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    const target = await startFarEnd(stage, { port: redisPort, key });
    return { service: "redis", listen: await freeAddress(), target, key: "team", ...more };
  }

  function portOf(entry: Readonly<Record<string, unknown>>): string {
    return String(entry["listen"]).replace(/^.*:/, "");
  }

  async function ping(port: string): Promise<string> {
    const { stdout } = await run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", port, "ping"]);
    return stdout.toString();
  }

  it("opens all entries, says which, and waits until each is verified", async () => {
    const cache = await cacheEntry();
    const raw = { ...cache, service: "tcp", listen: 0 };
    workspace.write({ cache, raw });
    const { code, stdout, stderr } = await workspace.run(["up", "--yes", "--wait", "120"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /tunnels\.json: cache, raw$/m);
    const [first = "", second = ""] = stdout.toString().split("\n");
    assert.match(first, new RegExp(`^cache  verified +127\\.0\\.0\\.1:${portOf(cache)} → 127\\.0\\.0\\.1:\\d+$`));
    assert.match(second, /^raw {4}key-verified +127\.0\.0\.1:[1-9]\d+ → /);
    assert.equal(await ping(portOf(cache)), "PONG\n");
  });

  it("opens only the entries that are named", async () => {
    workspace.write({ cache: await cacheEntry(), other: { listen: 0, target: "127.0.0.1:9", key: "team" } });
    const { code, stdout } = await workspace.run(["up", "cache", "--yes"]);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^cache {2}listening {2}[^\n]*\n$/);
    assert.deepEqual(
      (await workspace.status()).tunnels.map(({ name }) => name),
      ["cache"],
    );
  });

  it("refuses an entry that is not approved when nobody can be asked, and says how to approve it", async () => {
    workspace.write({ cache: await cacheEntry() });
    const { code, stdout, stderr } = await workspace.run(["up"]);
    assert.deepEqual([code, stdout.toString()], [1, ""]);
    assert.match(stderr, /"cache" is not approved: .*tunneld approve cache.*--yes \(NOT_APPROVED\)$/m);
    assert.deepEqual((await workspace.status()).tunnels, []);
  });

  it("needs no approval a second time, and asks again when the entry has changed", async () => {
    const cache = await cacheEntry();
    workspace.write({ cache });
    assert.equal((await workspace.run(["up", "--yes"])).code, 0);
    assert.equal((await workspace.run(["up"])).code, 0);
    workspace.write({ cache: { ...cache, env: { REDIS_URL: "elsewhere" } } });
    const { code, stderr } = await workspace.run(["up"]);
    assert.equal(code, 1);
    assert.match(stderr, /"cache" has changed since it was approved.*\(NOT_APPROVED\)$/m);
    assert.equal(await ping(portOf(cache)), "PONG\n", "the approved one keeps running");
    assert.match((await workspace.run(["status"])).stdout.toString(), /^ {2}NOT_APPROVED .*not approved in its present form.*tunneld approve cache/m);
    assert.equal((await workspace.run(["up", "--yes"])).code, 0);
    assert.doesNotMatch((await workspace.run(["status"])).stdout.toString(), /NOT_APPROVED/);
  });

  it("shows what --yes approves", async () => {
    workspace.write({ cache: await cacheEntry({ listen: "0.0.0.0:0", env: { REDIS_URL: "x" } }) });
    const { stderr } = await workspace.run(["approve", "cache", "--yes"]);
    assert.match(stderr, /listen {4}0\.0\.0\.0:0 .*OTHER MACHINES/);
    assert.match(stderr, /key {7}(?:[0-9a-f]{4}-){7}[0-9a-f]{4} {2}team/);
    assert.match(stderr, /env {7}REDIS_URL=x/);
    assert.match((await workspace.run(["approve", "cache"])).stdout.toString(), /^cache {2}approved already\n$/);
  });

  it("asks on a terminal, and takes no for an answer", async () => {
    workspace.write({ cache: await cacheEntry() });
    const answer = (text: string) => run(stage, ["script", "-qec", `"$NODE" "$TUNNELD" up`, "/dev/null"], atTerminal(text));
    const atTerminal = (input: string) => ({
      input,
      cwd: workspace.folder,
      env: { ...workspace.env, NODE: process.execPath, TUNNELD: join(import.meta.dirname, "../../dist/tunneld.cjs") },
    });
    const no = await answer("n\n");
    assert.equal(no.code, 1);
    assert.match(no.stdout.toString(), /Approve it\? \[y\/N\][\s\S]*was not approved \(NOT_APPROVED\)/);
    const yes = await answer("y\n");
    assert.equal(yes.code, 0, yes.stdout.toString());
    assert.ok(yes.stdout.includes("\u001b[33mlistening\u001b[0m"), "with colour");
  });

  it("asks each time for an entry that wants to be confirmed", async () => {
    workspace.write({ cache: await cacheEntry({ confirm: true }) });
    assert.equal((await workspace.run(["up", "--yes"])).code, 0);
    const { code, stderr } = await workspace.run(["up"]);
    assert.equal(code, 1);
    assert.match(stderr, /asks for confirmation.*\(NOT_APPROVED\)$/m);
  });

  it("reports a mistake with its place, and opens the other entries", async () => {
    workspace.write({ cache: await cacheEntry(), broken: { listn: 1, target: "a:1", key: "team" } });
    const { code, stdout, stderr } = await workspace.run(["up", "--yes"]);
    assert.equal(code, 1);
    assert.match(stderr, /^\S+\/\.vscode\/tunnels\.json:\d+:\d+: .*"listn".*"listen"/m);
    assert.match(stderr, /"broken" was not opened.*\(CONFIG_INVALID\)$/m);
    assert.match(stdout.toString(), /^cache {2}listening/);
  });

  it("names the nearest entry when one is not there", async () => {
    workspace.write({ cache: await cacheEntry() });
    const { code, stderr } = await workspace.run(["up", "cahce"]);
    assert.equal(code, 1);
    assert.match(stderr, /has no tunnel "cahce": did you mean "cache"\? \(CONFIG_INVALID\)$/);
    assert.equal(existsSync(workspace.stateDir) && workspace.daemonPid !== undefined, false, "no daemon was started for it");
  });

  it("diagnose says to name a tunnel of the file when one is not there", async () => {
    workspace.write({ cache: { listen: 0, target: "127.0.0.1:9", key: "team" } });
    const { cause, cure } = JSON.parse((await workspace.run(["diagnose", "chache", "--json"])).stdout.toString()) as Diagnosis;
    assert.match(cause, /has no tunnel "chache": did you mean "cache"\?$/);
    assert.equal(cure, "Name a tunnel of the file: tunneld diagnose cache.");
  });

  it("takes a tunnels.json from a parent folder, unless others can write it", async () => {
    workspace.write({ cache: await cacheEntry() });
    const inner = join(workspace.folder, "src", "deep");
    mkdirSync(inner, { recursive: true });
    assert.equal((await workspace.run(["up", "--yes"], { cwd: inner })).code, 0);
    chmodSync(workspace.configPath, 0o666);
    const { code, stderr } = await workspace.run(["up", "--yes"], { cwd: inner });
    assert.equal(code, 1);
    assert.match(stderr, /can be written by others.*--config.*\(CONFIG_INVALID\)$/);
  });

  it("fails with KEY_MISMATCH when the other end has another key", async () => {
    const target = await startFarEnd(stage, { port: redisPort, key: makeKey(stage, "other.key") });
    workspace.write({ cache: { service: "redis", listen: 0, target, key: "team" } });
    const up = await workspace.run(["up", "--yes", "--wait", "120"]);
    assert.equal(up.code, 1);
    assert.match(up.stderr, /cache: .*\(KEY_MISMATCH\)$/m);
    assert.match(up.stdout.toString(), /^cache {2}degraded/);
    const wait = await workspace.run(["wait", "cache"]);
    assert.equal(wait.code, 1);
    assert.match(wait.stderr, /^tunneld: cache: .*\(KEY_MISMATCH\)$/);
    const [cache] = (await workspace.status()).tunnels;
    assert.equal(cache?.lastFailure?.code, "KEY_MISMATCH");
    assert.equal(cache?.keyVerifiedAt, null);
    const status = (await workspace.run(["status"])).stdout.toString();
    assert.match(status, /^ {2}KEY_MISMATCH [^\n]+\n {2}\S[^\n]+ "tunneld diagnose cache" looks closer\.$/m);
  });

  it("fails with the code of a target that refuses connections", async () => {
    workspace.write({ cache: { service: "redis", listen: 0, target: await freeAddress(), key: "team" } });
    const { code, stderr } = await workspace.run(["up", "--yes", "--wait", "120"]);
    assert.equal(code, 1);
    assert.match(stderr, /cache: .*\(CONNECT_REFUSED\)$/m);
  });

  it("fails with BACKEND_DOWN when the key is right but nothing is behind it", async () => {
    const nobody = Number((await freeAddress()).replace(/^.*:/, ""));
    // Our far end proves the key before it closes; with Debian's the code is a guess between this and KEY_MISMATCH.
    const target = await startFarEnd(stage, { port: nobody, key, maker: "ours" });
    workspace.write({ cache: { service: "redis", listen: 0, target, key: "team" } });
    const { code, stderr } = await workspace.run(["up", "--yes", "--wait", "120"]);
    assert.equal(code, 1);
    assert.match(stderr, /cache: .*\(BACKEND_DOWN\)$/m);
  });

  for (const [service, what, words] of [
    ["redis", "Redis in protected mode", PROTECTED_MODE],
    ["mysql", "a MySQL that has all its connections", mysqlErrorPacket(1040, "#08004Too many connections")],
  ] as const)
    it(`up, wait and exec fail with BACKEND_BLOCKED for ${what}, which answers but refuses everybody`, async () => {
      const refusing = await startBackend(stage, ({ socket }) => void socket.end(words));
      const target = await startFarEnd(stage, { port: Number(refusing.address.replace(/^.*:/, "")), key });
      workspace.write({ cache: { service, listen: 0, target, key: "team" } });
      for (const args of [
        ["up", "--yes", "--wait", "120"],
        ["wait", "cache"],
        ["exec", "cache", "--", "echo", "ran"],
      ]) {
        const { code, stdout, stderr } = await workspace.run(args);
        assert.equal(code, 1, `${args[0]}: ${stdout}`);
        assert.match(stderr, /cache: .*refuses connections: .*\(BACKEND_BLOCKED\)$/m);
        assert.doesNotMatch(stdout.toString(), /verified|ran/);
      }
      const [cache] = (await workspace.status()).tunnels;
      assert.deepEqual([cache?.state, cache?.backendVerifiedAt, cache?.lastFailure?.code], ["degraded", null, "BACKEND_BLOCKED"]);
    });

  it("wait relies on its own connection: the result of another connection meanwhile proves nothing", async () => {
    // Talks like Redis to the first client and like another service to all later ones.
    let came = 0;
    const moody = await startBackend(stage, ({ socket }) => {
      const first = came++ === 0;
      socket.on("data", () => void socket.write(first ? "+PONG\r\n" : "HTTP/1.1 400 Bad Request\r\n"));
    });
    const target = await startFarEnd(stage, { port: Number(moody.address.replace(/^.*:/, "")), key });
    const listen = await freeAddress();
    workspace.write({ cache: { service: "redis", listen, target, key: "team" } });
    await workspace.run(["up", "--yes"]);
    const live = await connectTo(stage, listen);
    const talking = setInterval(() => live.socket.write("PING\r\n"), 10);
    stage.own(() => clearInterval(talking));
    await until(() => live.received.length > 0, { what: "the first had its answer" });
    const { code, stderr } = await workspace.run(["wait", "cache"]);
    assert.equal(code, 1);
    assert.match(stderr, /not Redis.*\(BACKEND_DOWN\)$/m);
  });

  it("fails with KEY_NOT_FOUND for a key that is not there, and opens it once it is", async () => {
    const cache = await cacheEntry({ key: "later" });
    workspace.write({ cache });
    const { code, stderr } = await workspace.run(["up", "--yes"]);
    assert.equal(code, 1);
    assert.match(stderr, /cache: there is no key "later".*\(KEY_NOT_FOUND\)$/m);
    assert.match((await workspace.run(["approve", "cache", "--yes"])).stderr, /\(KEY_NOT_FOUND\)$/m);
    const { stages } = JSON.parse((await workspace.run(["diagnose", "cache", "--json"])).stdout.toString()) as Diagnosis;
    assert.deepEqual(
      ["approval", "key"].map((name) => stages.find(({ stage }) => stage === name)?.ok),
      [null, false],
      "what it would be asked to approve is not known yet",
    );
    await workspace.run(["keys", "import", "later", key]);
    assert.equal((await workspace.run(["up", "--yes", "--wait", "120"])).code, 0);
  });

  it("waits for a port that somebody else has, and fails with LISTEN_IN_USE at the deadline", async () => {
    const cache = await cacheEntry({ listen: redisPort });
    workspace.write({ cache });
    const { code, stdout, stderr } = await workspace.run(["up", "--yes", "--wait", "1"]);
    assert.equal(code, 1);
    assert.match(stdout.toString(), /^cache {2}port-busy/);
    assert.match(stderr, /cache: .*\(LISTEN_IN_USE\)$/m);
  });

  it("re-opens pinned tunnels with the next command when the daemon was killed", async () => {
    const cache = await cacheEntry();
    workspace.write({ cache });
    await workspace.run(["up", "--yes"]);
    const { daemon } = await workspace.status();
    await workspace.killDaemon();
    const after = await workspace.status();
    assert.notEqual(after.daemon?.pid, daemon?.pid);
    assert.equal(after.tunnels[0]?.state, "listening");
    assert.equal(await ping(portOf(cache)), "PONG\n");
  });

  it("restarts a tunnel: its connections are cut, and it takes new ones", async () => {
    const cache = await cacheEntry();
    workspace.write({ cache });
    await workspace.run(["up", "--yes", "--wait", "120"]);
    const peer = await connectTo(stage, String(cache["listen"]));
    peer.socket.write("PING\r\n");
    await until(() => peer.received.length > 0, { what: "Redis had answered" });
    const { code, stdout } = await workspace.run(["restart", "cache"]);
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^cache {2}listening/);
    await peer.closed();
    assert.equal(await ping(portOf(cache)), "PONG\n");
  });

  it("does not restart a tunnel that could not be opened again, but restarts the others", async () => {
    const cache = await cacheEntry();
    workspace.write({ cache, other: { ...cache, listen: 0, key: "other" } });
    workspace.key("other", readFileSync(key));
    await workspace.run(["up", "--yes", "--wait", "120"]);
    const peer = await connectTo(stage, String(cache["listen"]));
    peer.socket.write("PING\r\n");
    await until(() => peer.received.length > 0, { what: "Redis had answered" });
    rmSync(key);
    const { code, stdout, stderr } = await workspace.run(["restart", "cache", "other"]);
    assert.equal(code, 1);
    assert.match(stderr, /cache was not restarted: .*\(KEY_NOT_FOUND\)/);
    assert.match(stdout.toString(), /^other {2}listening/);
    peer.socket.write("PING\r\n");
    await until(() => peer.received.length > 7, { what: "Redis had answered again" });
  });

  it("closes with down, lets connections finish, and leaves nothing behind", async () => {
    const cache = await cacheEntry();
    workspace.write({ cache });
    await workspace.run(["up", "--yes", "--wait", "120"]);
    const peer = await connectTo(stage, String(cache["listen"]));
    peer.socket.write("PING\r\n");
    await until(() => peer.received.length > 0, { what: "Redis had answered" });
    assert.match((await workspace.run(["down"])).stdout.toString(), /^cache {2}closed\n$/);
    await assert.rejects(connectTo(stage, String(cache["listen"])), /ECONNREFUSED/);
    peer.socket.write("PING\r\n");
    await until(() => peer.received.length > 7, { what: "Redis had answered again" });
    const pid = workspace.daemonPid ?? 0;
    const { code, stdout, stderr } = await workspace.run(["stop", "--now"]);
    assert.deepEqual([code, stdout.toString(), stderr], [0, "stopped\n", ""]);
    assert.equal(isAlive(pid), false);
    assert.deepEqual(
      readdirSync(join(workspace.stateDir, "run")).filter((name) => !name.endsWith(".starts")),
      [],
    );
    assert.deepEqual(await workspace.status(), { daemon: null, tunnels: [] });
  });

  it("closes open tunnels with down, says which ones are not open, and fails only for an unknown name", async () => {
    workspace.write({ cache: await cacheEntry(), other: await cacheEntry() });
    await workspace.run(["up", "--yes", "cache"]);
    const first = await workspace.run(["down", "nowhere", "other", "cache"]);
    assert.deepEqual([first.code, first.stdout.toString()], [1, "other  is not open\ncache  closed\n"]);
    assert.match(first.stderr, /^tunneld: no tunnel "nowhere" is open: .*\(CONFIG_INVALID\)$/);
    for (const args of [["cache"], ["cache", "--config", workspace.configPath]]) {
      const { code, stdout, stderr } = await workspace.run(["down", ...args]);
      assert.deepEqual([code, stdout.toString(), stderr], [0, "cache  is not open\n", ""]);
    }
  });
});
