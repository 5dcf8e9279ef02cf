/**
 * spiped in the background: when the parent returns and with what, pid files, names, identity, and what `ps` shows.
 */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { startEcho } from "../support/process/backend.ts";
import { ownDaemon, startDaemon } from "../support/process/daemon.ts";
import { freeAddress, makeKey, PATIENT, startEnd, TUNNELD } from "../support/process/ends.ts";
import { isListening, openSockets } from "../support/process/listening.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { commandLine, isAlive, statusField } from "../support/process/proc-info.ts";
import { tunneld } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

/** Debian's and most others' number for nobody and nogroup. */
const NOBODY = 65_534;

describe("a spiped in the background", () => {
  const stage = stageForEach();

  it("is listening by the time its parent returns 0", async () => {
    const daemon = await startDaemon(stage, { role: "-d", target: await freeAddress(), key: makeKey(stage) });
    assert.deepEqual([daemon.parent.code, daemon.parent.stderr], [0, ""]);
    await connectTo(stage, daemon.address);
  });

  it("carries connections after its parent is gone", async () => {
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
    const { address } = await startDaemon(stage, { role: "-e", target: server.address, key, args: PATIENT });
    assert.equal((await exchange(stage, address, "hello")).toString(), "hello");
  });

  it("writes the number of the process that serves, and nothing else, to the pid file", async () => {
    const { address, pid, pidFile } = await startDaemon(stage, { role: "-d", target: await freeAddress(), key: makeKey(stage) });
    assert.match(readFileSync(pidFile, "utf8"), /^\d+$/);
    assert.equal(await isListening(pid ?? 0, address), true);
  });

  it("names the pid file after its source when -p is left out", async () => {
    const source = stage.path("s");
    const { code } = await tunneld(stage, ["spiped", "-d", "-s", source, "-t", await freeAddress(), "-k", makeKey(stage)]);
    assert.equal(code, 0);
    assert.equal(await isListening(ownDaemon(stage, `${source}.pid`) ?? 0, source), true);
  });

  it("writes no pid file in the foreground (-F)", async () => {
    const pidFile = stage.path("pid");
    await startEnd(stage, { role: "-d", target: await freeAddress(), key: makeKey(stage), args: ["-p", pidFile] });
    assert.equal(existsSync(pidFile), false);
  });

  it("appears in ps as spiped with its options, and is a session of its own", async () => {
    const target = await freeAddress();
    const key = makeKey(stage);
    const { address, pid = 0, pidFile } = await startDaemon(stage, { role: "-d", target, key });
    assert.equal(commandLine(pid), `spiped -d -s ${address} -t ${target} -k ${key} -p ${pidFile}`);
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3];
    assert.equal(Number(session), pid);
  });

  it("shows the key neither in its arguments nor in its environment", async () => {
    const secret = "correct horse battery staple, thirty-two bytes at least";
    const { pid = 0, parent } = await startDaemon(stage, { role: "-d", target: await freeAddress(), key: "-", run: { input: secret } });
    assert.equal(parent.code, 0);
    const shown = readFileSync(`/proc/${pid}/environ`, "latin1") + readFileSync(`/proc/${pid}/cmdline`, "latin1");
    for (const encoding of ["latin1", "hex", "base64"] as const) {
      assert.equal(shown.includes(Buffer.from(secret).toString(encoding).slice(0, 20)), false);
    }
  });

  it("returns before it listens when it waits for DNS (-D)", async () => {
    // Two dots in a row, so no name server is ever asked.
    const { parent, address, pid = 0 } = await startDaemon(stage, { role: "-d", target: "no..such..host:1", key: makeKey(stage), args: ["-D"] });
    assert.equal(parent.code, 0);
    assert.equal(isAlive(pid), true);
    assert.equal(await isListening(pid, address), false);
  });

  it("listens under -D once the name is known", async () => {
    const echo = await startEcho(stage);
    const target = echo.address.replace("[127.0.0.1]", "localhost");
    const { address, pid = 0 } = await startDaemon(stage, { role: "-d", target, key: makeKey(stage), args: ["-D"] });
    await until(() => isListening(pid, address), { what: "it listened" });
  });

  it("removes the pid file again when it fails after its parent has returned (-D)", async () => {
    const source = (await startEcho(stage)).address;
    const { parent, pid = 0, pidFile } = await startDaemon(stage, { role: "-d", source, target: await freeAddress(), key: makeKey(stage), args: ["-D"] });
    assert.equal(parent.code, 0);
    await until(() => pid === 0 || !isAlive(pid), { what: "it had ended" });
    assert.match(readFileSync(parent.stderrFile, "utf8"), /^spiped: [^\n]* is in use by another program[^\n]* \(LISTEN_IN_USE\)\n$/);
    assert.equal(existsSync(pidFile), false);
  });

  it("lets a command substitution that started it end", async () => {
    const source = await freeAddress();
    const pidFile = stage.path("pid");
    const command = 'x=$("$@"); echo "status $? and <$x>"';
    const args = ["spiped", "-d", "-s", source, "-t", await freeAddress(), "-k", makeKey(stage), "-p", pidFile];
    const shell = stage.spawn("/bin/sh", ["-c", command, "sh", process.execPath, TUNNELD, ...args]);
    const ended = shell.exit().finally(() => ownDaemon(stage, pidFile));
    assert.equal((await ended).code, 0);
    assert.equal(shell.stdout, "status 0 and <>\n");
    assert.equal(await isListening(Number(readFileSync(pidFile, "utf8")), source), true);
  });

  it("reads its key file again on SIGHUP: new connections use the new key, an open one goes on", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const { parent, address, pid = 0 } = await startDaemon(stage, { role: "-d", target: echo.address, key });
    const old = await connectTo(stage, (await startEnd(stage, { role: "-e", target: address, key: makeCopy(key, "old") })).address);
    await old.echoes("before");
    const next = makeKey(stage, "next");
    renameSync(makeCopy(next, "moved"), key);
    process.kill(pid, "SIGHUP");
    await until(() => readFileSync(parent.stderrFile, "utf8").includes("read the key file"), { what: "it had read the key again" });
    const near = await startEnd(stage, { role: "-e", target: address, key: next });
    assert.equal((await exchange(stage, near.address, "hello")).toString(), "hello");
    await old.echoes("after");
  });

  it("keeps its key on SIGHUP when the file can't be read, and says why", async () => {
    const echo = await startEcho(stage);
    const key = makeKey(stage);
    const copy = makeCopy(key, "copy");
    const { parent, address, pid = 0 } = await startDaemon(stage, { role: "-d", target: echo.address, key });
    rmSync(key);
    process.kill(pid, "SIGHUP");
    await until(() => readFileSync(parent.stderrFile, "utf8").includes("goes on with the key"), { what: "it had said so" });
    const near = await startEnd(stage, { role: "-e", target: address, key: copy });
    assert.equal((await exchange(stage, near.address, "hello")).toString(), "hello");
  });

  function makeCopy(key: string, name: string): string {
    copyFileSync(key, stage.path(name));
    return stage.path(name);
  }

  it("opens no debugger on SIGUSR1", async () => {
    const { program, address } = await startEnd(stage, { role: "-d", target: await freeAddress(), key: makeKey(stage) });
    const before = openSockets(program.pid).length;
    program.child.kill("SIGUSR1");
    await (await connectTo(stage, address)).has(32);
    assert.doesNotMatch(program.stderr, /[Dd]ebugger/);
    assert.equal(openSockets(program.pid).length, before + 1);
  });

  it("becomes another user and group after binding (-u)", async function () {
    if (process.getuid?.() !== 0) return this.skip(); // Only root can become somebody else.
    const key = makeKey(stage); // Readable by root alone: it is read before the change of user.
    const { parent, address, pid = 0 } = await startDaemon(stage, { role: "-d", target: await freeAddress(), key, args: ["-u", `nobody:${NOBODY}`] });
    assert.deepEqual([parent.code, parent.stderr], [0, ""]);
    const ids = `${NOBODY}\t${NOBODY}\t${NOBODY}\t${NOBODY}`;
    assert.deepEqual([statusField(pid, "Uid"), statusField(pid, "Gid")], [ids, ids]);
    assert.doesNotMatch(readFileSync(`/proc/${pid}/status`, "utf8"), /^Groups:\s*\d/m);
    await connectTo(stage, address);
  });

  for (const [name, use] of [
    ["spiped", ["-d", "-s"]],
    ["spipe", []],
  ] as const) {
    it(`is ${name} under a symbolic link of that name`, async () => {
      const link = stage.path(name);
      symlinkSync(TUNNELD, link);
      const version = await stage.spawn(link, ["-v"]).exit();
      assert.equal(version.code, 0);
      const program = stage.spawn(link, [...use]);
      assert.equal((await program.exit()).code, 1);
      await program.logs(new RegExp(`^${name}: `));
    });
  }

  it("is spiped, in the background too, when argv[0] is that name", async () => {
    const { parent, pid = 0 } = await startDaemon(stage, {
      role: "-d",
      target: await freeAddress(),
      key: makeKey(stage),
      command: [process.execPath, TUNNELD],
      run: { argv0: "spiped" },
    });
    assert.equal(parent.code, 0);
    assert.match(commandLine(pid), /^spiped -d -s /);
  });

  it("runs in the background under a symbolic link", async () => {
    const link = stage.path("spiped");
    symlinkSync(TUNNELD, link);
    const { parent, address, pid = 0 } = await startDaemon(stage, { role: "-d", target: await freeAddress(), key: makeKey(stage), command: [link] });
    assert.equal(parent.code, 0);
    assert.match(commandLine(pid), /^spiped -d -s /);
    await connectTo(stage, address);
  });
});
