/**
 * The ten scenarios of spiped's own tests, rewritten for our two programs and run with spiped's test key, /dev/null. Its
 * `-o 1` is used only where a scenario is about that time, as a busy machine may need longer for a handshake. The numbers
 * are those of spiped's tests folder. 09 and 10 test C functions of spiped; here spipe must do what they ask of a program
 * (a copied file, an early cancel).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Backend, startBackend, startEcho, startSink } from "../support/process/backend.ts";
import { commandOf, type EndOptions, PATIENT, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange, type Peer, sha256 } from "../support/process/peer.ts";
import { type Result, run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const SETTINGS = { key: "/dev/null" } as const;
const ONE_SECOND = ["-o", "1"] as const;

/** What differs from the usual. */
interface Pair {
  readonly server?: string;
  readonly client?: string;
  readonly far?: EndOptions["maker"];
  readonly args?: readonly string[];
}

async function pair(stage: Stage, backend: Backend, places: Pair = {}) {
  const args = places.args ?? [];
  const server = await startEnd(stage, {
    ...SETTINGS,
    args,
    role: "-d",
    target: backend.address,
    ...(places.far && { maker: places.far }),
    ...(places.server && { source: places.server }),
  });
  const client = await startEnd(stage, { ...SETTINGS, args, role: "-e", target: server.address, ...(places.client && { source: places.client }) });
  return { server, client };
}

function spipe(stage: Stage, target: string, input: Uint8Array): Promise<Result> {
  return run(stage, [...commandOf("ours", "spipe"), "-t", target, "-k", "/dev/null", ...PATIENT], { input });
}

/** Sends a line over one connection after another until a handshake was in time and the line has arrived. */
async function established(stage: Stage, address: string, sink: Backend): Promise<Peer> {
  let peer = await connectTo(stage, address);
  peer.send("\n");
  const hasArrived = async (): Promise<boolean> => {
    if (sink.peers.at(-1)?.text === "\n") return true;
    if (!peer.hasEnded && !peer.isClosed) return false;
    peer = await connectTo(stage, address);
    peer.send("\n");
    return false;
  };
  await until(hasArrived, { what: "the line arrived" });
  return peer;
}

/** Repeats the attempt until the backend is reached: before that, a handshake may have taken too long. */
async function reaching<T>(backend: Backend, act: () => Promise<T>): Promise<T> {
  for (;;) {
    const result = await act();
    if (backend.peers.length > 0) return result;
  }
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

  it("02: keeps an established connection open beyond the -o time, and closes it when the client closes", async () => {
    const sink = await startSink(stage);
    const { client } = await pair(stage, sink, { args: ONE_SECOND });
    const peer = await established(stage, client.address, sink);
    // This test is about the length of the pause: twice the -o time.
    await delay(2_000);
    assert.equal(peer.hasEnded || peer.isClosed, false);
    peer.end("late\n");
    await peer.ended();
    assert.deepEqual([sink.peers.at(-1)?.text, peer.errorCode], ["\nlate\n", undefined]);
  });

  it("02: closes a connection whose far end never finishes the handshake when the -o time is over", async () => {
    const silent = await startBackend(stage, ({ socket }) => void socket.write(randomBytes(32)));
    const client = await startEnd(stage, { ...SETTINGS, args: ONE_SECOND, role: "-e", target: silent.address });
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

  it("08: brings a slow echo back to a spipe whose standard input ended long before", async () => {
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
    const server = await startEnd(stage, { ...SETTINGS, args: ONE_SECOND, role: "-d", target: slow.address });
    const input = randomBytes(30_001);
    const { code, stdout } = await reaching(slow, () => spipe(stage, server.address, input));
    assert.equal(code, 0);
    assert.equal(sha256(stdout), sha256(input));
  });

  it("09: ends spipe at once and with 0 when it gets SIGTERM", async () => {
    const { server } = await pair(stage, await startEcho(stage));
    const [command, ...first] = commandOf("ours", "spipe");
    const program = stage.spawn(command, [...first, "-t", server.address, "-k", "/dev/null", ...PATIENT]);
    program.child.stdin?.write("hello");
    await until(() => program.stdout === "hello", { what: "the echo came back" });
    assert.deepEqual(await program.kill("SIGTERM"), { code: 0, signal: null });
  });
});
