/**
 * spipe and its standard streams: a failure to read or write is reported, never silence and exit code 0 (a script that
 * pipes a backup through spipe relies on this).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import * as net from "node:net";
import { type Backend, startBackend, startEcho } from "../support/process/backend.ts";
import { commandOf, freeAddress, type Maker, makeKey, PATIENT, startEnd } from "../support/process/ends.ts";
import { sha256 } from "../support/process/peer.ts";
import type { Program } from "../support/process/program.ts";
import { run } from "../support/process/run.ts";
import { until, untilStill } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** A shell in which `spipe` with target and key is "$@". */
async function inShell(stage: Stage, script: string, target: string) {
  const key = makeKey(stage);
  const server = await startEnd(stage, { role: "-d", target, key });
  return run(stage, ["/bin/sh", "-c", script, ...["sh", ...commandOf("ours", "spipe"), "-t", server.address, "-k", key, ...PATIENT]]);
}

/** Waits until the backend can send no more: every buffer on the way is full. */
async function isHeldBack(backend: Backend): Promise<void> {
  await until(() => backend.peers.length === 1, { what: "the backend was reached" });
  const left = await untilStill(() => backend.peers[0]?.socket.writableLength ?? 0, { what: "the backend was held back" });
  assert.ok(left > 0, "there is more than the way holds");
}

describe("spipe", () => {
  const stage = stageForEach();

  it("exits 1 with one line when standard output can't be written", async function () {
    if (!existsSync("/dev/full")) return this.skip(); // Linux has a device that is always full.
    const { code, stderr } = await inShell(stage, 'echo hello | "$@" > /dev/full', (await startEcho(stage)).address);
    assert.equal(code, 1);
    assert.match(stderr, /^spipe: [^\n]+ \([A-Z_]+\)$/);
  });

  it("accepts an empty standard input, and ends with the far side", async () => {
    const greeting = await startBackend(stage, ({ socket }) => void socket.end("greeting"));
    const { code, stdout } = await inShell(stage, '"$@" < /dev/null', greeting.address);
    assert.deepEqual([code, stdout.toString()], [0, "greeting"]);
  });

  it("ends, and not with 0, when the reader of its standard output has gone away", async () => {
    const endless = await startBackend(stage, ({ socket }) => {
      const push = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on("drain", push);
      push();
    });
    const codeFile = stage.path("code");
    await inShell(stage, `{ "$@" < /dev/null; echo $? > ${codeFile}; } | head -c 100000 > /dev/null`, endless.address);
    await until(() => existsSync(codeFile) && readFileSync(codeFile, "utf8") !== "", { what: "spipe had ended" });
    assert.notEqual(readFileSync(codeFile, "utf8"), "0\n");
  });

  for (const maker of ["ours", "Debian's"] satisfies Maker[]) {
    it(`exits non-zero each time when its data reached no backend: spipe ${maker}, server end ours`, async () => {
      const key = makeKey(stage);
      const server = await startEnd(stage, { role: "-d", target: await freeAddress(), key });
      const command = [...commandOf(maker, "spipe"), "-t", server.address, "-k", key, ...PATIENT];
      for (let round = 0; round < 10; round++) {
        const { code } = await run(stage, ["/bin/sh", "-c", 'echo precious | "$@"', "sh", ...command]);
        assert.notEqual(code, 0, `round ${round}`);
      }
    });
  }

  for (const bytes of [10, 3_000_000]) {
    it(`exits non-zero when the backend resets after ${bytes} bytes, which it has written by then`, async () => {
      const backend = await startBackend(stage, ({ socket }) => void socket.write(Buffer.alloc(bytes), () => socket.resetAndDestroy()));
      const { code, stdout, stderr } = await inShell(stage, '"$@" < /dev/null', backend.address);
      assert.equal(code, 1);
      assert.match(stderr, /^spipe: [^\n]+ \((TRUNCATED|BACKEND_DOWN)\)$/);
      assert.ok(stdout.length <= bytes);
    });
  }

  it("loses nothing when standard output and error are one pipe, and its reader is slow", async () => {
    const sent = randomBytes(20_000_000);
    const backend = await startBackend(stage, ({ socket }) => void socket.end(sent));
    const go = stage.path("go");
    assert.equal((await run(stage, ["mkfifo", go])).code, 0);
    const script = `{ "$@" < /dev/null; echo "code $?" > ${stage.path("code")}; } 2>&1 | { read go < ${go}; cat; }`;
    const running = inShell(stage, script, backend.address);
    await isHeldBack(backend);
    await appendFile(go, "go\n");
    const { stdout } = await running;
    assert.equal(sha256(stdout), sha256(sent));
    assert.equal(readFileSync(stage.path("code"), "utf8"), "code 0\n");
  });

  it("stops reading from the far side while the reader of its standard output is slow, and loses nothing", async () => {
    const sent = randomBytes(20_000_000);
    const backend = await startBackend(stage, ({ socket }) => void socket.end(sent));
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: backend.address, key });
    const [command, ...first] = commandOf("ours", "spipe");
    const program = stage.spawn(command, [...first, "-t", server.address, "-k", key, ...PATIENT]);
    program.child.stdin?.end();
    const chunks: Buffer[] = [];
    program.child.stdout?.removeAllListeners("data").pause();
    await isHeldBack(backend);
    program.child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk)).resume();
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
    await until(() => program.child.stdout?.readableEnded === true, { what: "its output had ended" });
    assert.equal(sha256(Buffer.concat(chunks)), sha256(sent));
  });

  it("loses nothing when standard input and output are one socket, and its reader is slow", async () => {
    const sent = randomBytes(20_000_000);
    const backend = await startBackend(stage, ({ socket }) => void socket.end(sent));
    const key = makeKey(stage);
    const end = await startEnd(stage, { role: "-d", target: backend.address, key });
    const [command, ...first] = commandOf("ours", "spipe");
    // As inetd does it: the connection becomes the standard streams of the program.
    let program: Program | undefined;
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      program = stage.spawn(command, [...first, "-t", end.address, "-k", key, ...PATIENT], { stdio: [socket, socket, "pipe"] });
      socket.destroy();
    });
    stage.own(() => server.close());
    await new Promise<void>((resolve) => server.listen(stage.path("inetd.sock"), resolve));
    const reader = net.connect({ path: stage.path("inetd.sock"), allowHalfOpen: true });
    stage.own(() => reader.destroy());
    await isHeldBack(backend);
    const chunks: Buffer[] = [];
    reader.on("data", (chunk: Buffer) => chunks.push(chunk));
    await until(() => reader.readableEnded, { what: "all had come" });
    assert.equal(sha256(Buffer.concat(chunks)), sha256(sent));
    reader.end();
    assert.deepEqual(await program?.exit(), { code: 0, signal: null });
  });

  it("writes the far side's data to a file", async () => {
    const input = stage.path("input");
    const output = stage.path("output");
    const bytes = randomBytes(3_000_000);
    writeFileSync(input, bytes);
    const { code } = await inShell(stage, `"$@" < ${input} > ${output}`, (await startEcho(stage)).address);
    assert.equal(code, 0);
    assert.equal(sha256(readFileSync(output)), sha256(bytes));
  });
});
