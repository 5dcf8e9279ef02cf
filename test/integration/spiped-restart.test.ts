/**
 * Restart of a drop-in while a connection is open: the port is free at once, the successor takes it, and the old
 * connection lives on in the predecessor. If a port can't be had, the error names the program that has it.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import * as net from "node:net";
import { startEcho } from "../support/process/backend.ts";
import { startDaemon } from "../support/process/daemon.ts";
import { freeAddress, makeKey, startEnd } from "../support/process/ends.ts";
import { isListening } from "../support/process/listening.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { tunneld } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { startRedis } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

describe("a restart of spiped", () => {
  const stage = stageForEach();

  for (const role of ["-e", "-d"] as const) {
    it(`lets the successor serve newcomers while an open connection lives on (${role})`, async () => {
      const echo = await startEcho(stage);
      const key = makeKey(stage);
      const far = await startEnd(stage, { role: "-d", target: echo.address, key });
      const target = role === "-e" ? far.address : echo.address;
      const first = await startDaemon(stage, { role, target, key });
      const near = role === "-e" ? first : { address: (await startEnd(stage, { role: "-e", target: first.address, key })).address };
      const old = await connectTo(stage, near.address);
      await old.echoes("before");
      process.kill(first.pid ?? 0, "SIGTERM");
      const second = await startDaemon(stage, { source: first.address, role, target, key });
      assert.deepEqual([second.parent.code, second.parent.stderr], [0, ""]);
      assert.equal((await exchange(stage, near.address, "a newcomer")).toString(), "a newcomer");
      await old.echoes("after");
      old.end();
      await old.ended();
      await until(() => !isAlive(first.pid ?? 0), { what: "the predecessor had ended" });
      assert.equal((await exchange(stage, near.address, "and later")).toString(), "and later");
    });
  }

  it("disturbs neither a Redis client with an open connection nor a new one", async () => {
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const key = makeKey(stage);
    const far = await startEnd(stage, { role: "-d", target: `[127.0.0.1]:${redis.port}`, key });
    const first = await startDaemon(stage, { role: "-e", target: far.address, key });
    const old = await connectTo(stage, first.address);
    old.send("PING\r\n");
    await old.has(7);
    process.kill(first.pid ?? 0, "SIGTERM");
    const second = await startDaemon(stage, { source: first.address, role: "-e", target: far.address, key });
    assert.equal(second.parent.code, 0, second.parent.stderr);
    const fresh = await connectTo(stage, second.address);
    fresh.send("PING\r\n");
    assert.equal((await fresh.has(7)).toString(), "+PONG\r\n");
    old.send("PING\r\n");
    assert.equal((await old.has(14)).toString(), "+PONG\r\n+PONG\r\n");
  });

  it("leaves the successor's pid file alone when the predecessor ends", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const first = await startDaemon(stage, { role: "-d", target: echo.address, key });
    const near = await startEnd(stage, { role: "-e", target: first.address, key });
    const old = await connectTo(stage, near.address);
    await old.echoes("before");
    process.kill(first.pid ?? 0, "SIGTERM");
    const second = await startDaemon(stage, { source: first.address, role: "-d", target: echo.address, key });
    assert.equal(second.parent.code, 0, second.parent.stderr);
    old.end();
    await old.ended();
    await until(() => !isAlive(first.pid ?? 0), { what: "the predecessor had ended" });
    assert.equal(readFileSync(first.pidFile, "utf8"), String(second.pid));
    assert.notEqual(first.pid, second.pid);
  });

  it("works at a unix socket, whose path is given up as well", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const source = stage.path("s");
    const first = await startDaemon(stage, { role: "-d", source, target: echo.address, key });
    const near = await startEnd(stage, { role: "-e", target: source, key });
    const old = await connectTo(stage, near.address);
    await old.echoes("before");
    process.kill(first.pid ?? 0, "SIGTERM");
    await until(() => !existsSync(source), { what: "the path was free" });
    const second = await startDaemon(stage, { role: "-d", source, target: echo.address, key });
    assert.equal(second.parent.code, 0, second.parent.stderr);
    await old.echoes("after");
    old.end();
    await old.ended();
    await until(() => !isAlive(first.pid ?? 0), { what: "the predecessor had ended" });
    assert.equal((await exchange(stage, near.address, "a newcomer")).toString(), "a newcomer");
  });

  it("refuses newcomers in the kernel while it drains and has no successor", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const far = await startEnd(stage, { role: "-d", target: echo.address, key });
    const near = await startEnd(stage, { role: "-e", target: far.address, key });
    const old = await connectTo(stage, near.address);
    await old.echoes("before");
    near.program.child.kill("SIGTERM");
    await until(() => !isListening(near.program.pid, near.address), { what: "the port was given up" });
    await assert.rejects(connectTo(stage, near.address), /ECONNREFUSED/);
    await old.echoes("after");
  });
});

describe("a spiped whose port is taken", () => {
  const stage = stageForEach();

  const start = async (source: string): Promise<string> => {
    const { code, stderr } = await tunneld(stage, ["spiped", "-F", "-d", "-s", source, "-t", await freeAddress(), "-k", makeKey(stage, "another")]);
    assert.equal(code, 1);
    return stderr;
  };

  it("names the program that has it, and its process", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    stage.own(() => server.close());
    await until(() => server.listening, { what: "the port was taken" });
    const { port } = server.address() as net.AddressInfo;
    assert.match(
      await start(`[127.0.0.1]:${port}`),
      new RegExp(`127\\.0\\.0\\.1:${port} is in use by another program, \\S+ \\(pid ${process.pid}\\): .*LISTEN_IN_USE`),
    );
  });

  it("names another spiped of ours by the name it was started with", async () => {
    const near = await startEnd(stage, { role: "-e", target: await freeAddress(), key: makeKey(stage) });
    assert.match(await start(near.address), new RegExp(`in use by another program, spiped \\(pid ${near.program.pid}\\): `));
  });

  it("says of Debian's spiped that it is draining", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const far = await startEnd(stage, { role: "-d", target: echo.address, key });
    const near = await startEnd(stage, { maker: "Debian's", role: "-e", target: far.address, key });
    const old = await connectTo(stage, near.address);
    await old.echoes("before");
    near.program.child.kill("SIGTERM");
    await until(() => isDraining(near.program.pid), { what: "it had taken the signal" });
    assert.match(await start(near.address), new RegExp(`spiped \\(pid ${near.program.pid}, draining\\): .*LISTEN_IN_USE`));
  });

  it("names the program that listens at a unix socket", async () => {
    const path = stage.path("taken");
    const server = net.createServer().listen(path);
    stage.own(() => server.close());
    await until(() => server.listening, { what: "the path was taken" });
    assert.match(await start(path), new RegExp(`\\S+ \\(pid ${process.pid}\\): .*LISTEN_IN_USE`));
  });

  /** spiped ends at once at its second SIGTERM, which it no longer catches. */
  function isDraining(pid: number): boolean {
    const caught = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return caught !== undefined && (BigInt(`0x${caught}`) & (1n << 14n)) === 0n;
  }
});
