/**
 * The ten scenarios that spiped tests itself with, rewritten for our two programs and run with its own settings:
 * `-k /dev/null -o 1`. Numbers are those of spiped's tests folder. 09 and 10 test C functions of spiped's; what they
 * ask of a program (a copied file, an early cancel) is asked of spipe here.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Backend, startBackend, startEcho, startSink } from "../support/process/backend.ts";
import { commandOf, type EndOptions, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange, sha256 } from "../support/process/peer.ts";
import { type Result, run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const SETTINGS = { key: "/dev/null", args: ["-o", "1"] } as const;

async function pair(stage: Stage, backend: Backend, places: { readonly server?: string; readonly client?: string; readonly far?: EndOptions["maker"] } = {}) {
  const server = await startEnd(stage, {
    ...SETTINGS,
    role: "-d",
    target: backend.address,
    ...(places.far && { maker: places.far }),
    ...(places.server && { source: places.server }),
  });
  const client = await startEnd(stage, { ...SETTINGS, role: "-e", target: server.address, ...(places.client && { source: places.client }) });
  return { server, client };
}

function spipe(stage: Stage, target: string, input: Uint8Array): Promise<Result> {
  return run(stage, [...commandOf("ours", "spipe"), "-t", target, "-k", "/dev/null"], { input });
}

describe("spiped's own scenarios", () => {
  const stage = stageForEach();

  it("01: opens and closes one connection over TCP", async () => {
    const sink = await startSink(stage);
    const { client } = await pair(stage, sink);
    assert.equal((await exchange(stage, client.address, "\n")).length, 0);
    assert.equal(sink.peers[0]?.text, "\n");
  });

  it("01: opens and closes one connection over unix sockets", async () => {
    const sink = await startSink(stage, stage.path("dst"));
    const { client } = await pair(stage, sink, { server: stage.path("mid"), client: stage.path("src") });
    assert.equal((await exchange(stage, client.address, "\n")).length, 0);
    assert.equal(sink.peers[0]?.text, "\n");
  });

  it("02: keeps an established connection open beyond the -o time, and closes it when the client does", async () => {
    const sink = await startSink(stage);
    const { client } = await pair(stage, sink);
    const peer = await connectTo(stage, client.address);
    peer.send("\n");
    await until(() => sink.peers[0]?.text === "\n", { what: "the line arrived" });
    // The length of the pause is what this test is about: twice the -o time.
    await delay(2_000);
    assert.equal(peer.hasEnded || peer.isClosed, false);
    peer.end("late\n");
    await peer.ended();
    assert.deepEqual([sink.peers[0]?.text, peer.errorCode], ["\nlate\n", undefined]);
  });

  it("02: closes a connection whose far end never finishes the handshake when the -o time is over", async () => {
    const silent = await startBackend(stage, ({ socket }) => void socket.write(randomBytes(32)));
    const client = await startEnd(stage, { ...SETTINGS, role: "-e", target: silent.address });
    const peer = await connectTo(stage, client.address);
    assert.equal((await peer.closed()).length, 0);
    await client.program.logs(/HANDSHAKE_TIMEOUT/);
  });

  it("03: serves a second connection while the first is open, and the first after the second has closed", async () => {
    const { client } = await pair(stage, await startEcho(stage));
    const first = await connectTo(stage, client.address);
    await first.echoes("one");
    assert.equal((await exchange(stage, client.address, "two")).toString(), "two");
    await first.echoes("three");
    first.end();
    await first.ended();
  });

  it("04: delivers through spipe every byte of standard input", async () => {
    const sink = await startSink(stage);
    const { server } = await pair(stage, sink);
    const input = randomBytes(20_001);
    const { code } = await spipe(stage, server.address, input);
    assert.equal(code, 0);
    assert.equal(sha256(sink.peers[0]?.received ?? Buffer.alloc(0)), sha256(input));
  });

  it("04: exits 1 from spipe with one line when the target can't be reached", async () => {
    const { code, stderr } = await spipe(stage, "/this-is-a-fake.socket", randomBytes(1));
    const complaints = stderr.split("\n").filter((line) => !line.includes("warning:"));
    assert.equal(code, 1);
    assert.equal(complaints.length, 1);
    assert.match(stderr, /this-is-a-fake\.socket/);
  });

  for (const [number, far] of [
    ["05", "ours"],
    ["06", "Debian's"],
  ] as const) {
    it(`${number}: delivers a file through a pair of spipeds whose far end is ${far}`, async () => {
      const sink = await startSink(stage);
      const { client } = await pair(stage, sink, { far });
      const sent = randomBytes(20_001);
      await exchange(stage, client.address, sent);
      assert.equal(sha256(sink.peers[0]?.received ?? Buffer.alloc(0)), sha256(sent));
    });
  }

  for (const form of ["localhost:PORT", "[127.0.0.1]:PORT", "127.0.0.1:PORT", "[::1]:PORT", "[0:0:0:0::1]:PORT"]) {
    it(`07: connects to a target written as ${form}`, async () => {
      const echo = await startEcho(stage, form.includes("::1") ? "[::1]:0" : "[127.0.0.1]:0");
      const port = echo.address.slice(echo.address.lastIndexOf(":") + 1);
      const server = await startEnd(stage, { ...SETTINGS, role: "-d", target: form.replace("PORT", port) });
      const client = await startEnd(stage, { ...SETTINGS, role: "-e", target: server.address });
      assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
    });
  }

  it("08: brings a slow echo back to spipe whose standard input has ended long before", async () => {
    // 1,000 bytes every 50 ms: the echo lasts far longer than the -o time of 1 s.
    const slow = await startBackend(stage, (peer) => {
      let sent = 0;
      const timer = setInterval(() => {
        if (peer.socket.destroyed) clearInterval(timer);
        const part = peer.received.subarray(sent, sent + 1_000);
        if (part.length > 0) peer.socket.write(part);
        sent += part.length;
        if (peer.hasEnded && sent === peer.receivedBytes) {
          clearInterval(timer);
          peer.socket.end();
        }
      }, 50);
      stage.own(() => clearInterval(timer));
    });
    const server = await startEnd(stage, { ...SETTINGS, role: "-d", target: slow.address });
    const input = randomBytes(30_001);
    const { code, stdout } = await spipe(stage, server.address, input);
    assert.equal(code, 0);
    assert.equal(sha256(stdout), sha256(input));
  });

  it("09: ends spipe at once and with 0 when it gets SIGTERM", async () => {
    const { server } = await pair(stage, await startEcho(stage));
    const [command, ...first] = commandOf("ours", "spipe");
    const program = stage.spawn(command, [...first, "-t", server.address, "-k", "/dev/null"]);
    program.child.stdin?.write("hello");
    await until(() => program.stdout === "hello", { what: "the echo came back" });
    assert.deepEqual(await program.kill("SIGTERM"), { code: 0, signal: null });
  });
});
