/**
 * spiped's options that change what a running end does: -n, -k, -b, -o, -v, --syslog.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { startBackend, startEcho } from "../support/process/backend.ts";
import { startDaemon } from "../support/process/daemon.ts";
import { freeAddress, makeKey, PATIENT, startEnd, startTunnel, TUNNELD } from "../support/process/ends.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { tunneld } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("options of spiped", () => {
  const stage = stageForEach();

  for (const role of ["-e", "-d"] as const) {
    it(`lets a third connection wait under -n 2, and serves it when another has ended (${role})`, async () => {
      const echo = await startEcho(stage);
      const key = makeKey(stage);
      const limit = (of: string): readonly string[] => (of === role ? ["-n", "2"] : []);
      const server = await startEnd(stage, { role: "-d", target: echo.address, key, args: limit("-d") });
      const client = await startEnd(stage, { role: "-e", target: server.address, key, args: limit("-e") });
      const first = await connectTo(stage, client.address);
      await first.echoes("one");
      const second = await connectTo(stage, client.address);
      await second.echoes("two");
      const third = await connectTo(stage, client.address);
      third.send("three");
      await (role === "-e" ? client : server).program.logs(/[Mm]aximum number of connections \(2\)/);
      await first.echoes("one again");
      await second.echoes("two again");
      assert.deepEqual([third.receivedBytes, third.hasEnded, echo.peers.length], [0, false, 2]);
      first.end();
      await first.ended();
      assert.equal((await third.has(5)).toString(), "three");
      await second.echoes("two at last");
    });
  }

  it("takes the key from standard input (-k -)", async () => {
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
    const { parent, address } = await startDaemon(stage, { role: "-e", target: server.address, key: "-", args: PATIENT, run: { input: readFileSync(key) } });
    assert.deepEqual([parent.code, parent.stderr], [0, ""]);
    assert.equal((await exchange(stage, address, "hello")).toString(), "hello");
  });

  it("takes /dev/null for a key, and warns", async () => {
    const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key: "/dev/null" });
    const client = await startEnd(stage, { role: "-e", target: server.address, key: "/dev/null" });
    assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
    assert.match(client.program.stderr, /warning: .*0 bytes.*tunneld keygen/);
  });

  for (const name of ["spiped", "spipe"] as const) {
    it(`prints ${name}'s version on standard error (-v)`, async () => {
      const { code, stdout, stderr } = await tunneld(stage, [name, "-v"]);
      assert.deepEqual([code, stdout.length], [0, 0]);
      assert.match(stderr, new RegExp(`^${name} 1\\.6\\.\\d`));
    });
  }

  it("connects from the address that -b names", async () => {
    const backend = await startBackend(stage, ({ socket }) => void socket.end(socket.remoteAddress ?? ""));
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: backend.address, key, args: ["-b", "127.0.0.9"] });
    const client = await startEnd(stage, { role: "-e", target: server.address, key });
    assert.equal((await exchange(stage, client.address, "")).toString(), "127.0.0.9");
  });

  it("works without keepalive (-j) and with a target looked up once (-R)", async () => {
    const echo = await startEcho(stage);
    const { address } = await startTunnel(stage, { target: echo.address.replace("[127.0.0.1]", "localhost"), args: ["-j", "-R"] });
    assert.equal((await exchange(stage, address, "hello")).toString(), "hello");
  });

  it("gives up a silent handshake after the -o time at either end", async () => {
    const echo = await startEcho(stage);
    const { program, address } = await startEnd(stage, { role: "-d", target: echo.address, key: makeKey(stage), args: ["-o", "1"] });
    const silent = await connectTo(stage, address);
    assert.equal((await silent.closed()).length, 32);
    await program.logs(/HANDSHAKE_TIMEOUT/);
    assert.equal(echo.peers.length, 0);
  });

  it("warns through the logger program in the background (--syslog), and not on standard error", async () => {
    const logger = stage.path("logger");
    writeFileSync(logger, `#!/bin/sh\necho "$@" > ${stage.path("arguments")}\nexec cat > ${stage.path("lines")}\n`);
    chmodSync(logger, 0o755);
    const daemon = await startDaemon(stage, {
      role: "-e",
      target: await freeAddress(),
      key: makeKey(stage),
      args: ["--syslog"],
      run: { env: { ...process.env, PATH: `${stage.folder}:${process.env["PATH"]}` } },
    });
    assert.equal(daemon.parent.code, 0);
    await (await connectTo(stage, daemon.address)).closed();
    const lines = (): string => (existsSync(stage.path("lines")) ? readFileSync(stage.path("lines"), "utf8") : "");
    await until(() => /CONNECT_REFUSED.*\n/.test(lines()), { what: "the warning had reached the logger" });
    assert.match(readFileSync(stage.path("arguments"), "utf8"), /^-t spiped\S* -p daemon\.warning/);
    assert.equal(readFileSync(daemon.parent.stderrFile, "utf8"), "");
  });

  it("survives a --syslog without a logger program, and says so on standard error", async () => {
    const daemon = await startDaemon(stage, {
      role: "-e",
      target: await freeAddress(),
      key: makeKey(stage),
      args: ["--syslog"],
      command: [process.execPath, TUNNELD, "spiped"],
      run: { env: { PATH: stage.folder } },
    });
    for (let round = 0; round < 2; round++) await (await connectTo(stage, daemon.address)).closed();
    await until(() => /syslog/.test(readFileSync(daemon.parent.stderrFile, "utf8")), { what: "it said that there is no syslog" });
    await connectTo(stage, daemon.address);
  });
});
