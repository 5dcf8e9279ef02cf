/**
 * What a diagnosis does on the network: how many connections it makes, what it sends on each and when; and that it ends,
 * gives up when told to, and leaves nothing behind. The far side is a raw socket that keeps all bytes it gets.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as net from "node:net";
import { diagnose } from "../../daemon/diagnosis/diagnose.ts";
import { farEnd, nonceThen, otherKey, trickle } from "../support/diagnose/faults.ts";
import { digHole } from "../support/diagnose/hole.ts";
import { diagnoseAt, outcomes, QUICK, SILENT, setUp } from "../support/diagnose/subject.ts";
import { startBackend } from "../support/process/backend.ts";
import { Peer } from "../support/process/peer.ts";
import { startRelay } from "../support/process/relay.ts";
import { until } from "../support/process/until.ts";
import { startRedis } from "../support/servers.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const NONCE_BYTES = 32;
const PROVED_BYTES = 320;
/** The first byte of a Redis answer, "+". */
const START_OF_A_LINE = 0x2b;
/** A deliberate wait that is clearly longer than a round trip on a busy machine. */
const HELD_MS = 3_000;

/** Far side whose n-th connection is served by the n-th of `serves`, the last one from then on. */
function startScript(stage: Stage, ...serves: readonly ((peer: Peer) => void)[]) {
  let count = 0;
  return startBackend(stage, (peer) => serves[Math.min(count++, serves.length - 1)]?.(peer));
}

const closeOnProof = nonceThen((socket) => void socket.end());

describe("what a diagnosis sends", () => {
  const stage = stageForEach();

  it("is a nonce that ends a line, and nothing more until the nonce is answered", async () => {
    const far = await startScript(stage, () => {});
    await diagnoseAt({ target: far.address, timeoutMs: 200, wire: "spiped" });
    const [first] = far.peers;
    assert.equal(first?.receivedBytes, NONCE_BYTES);
    assert.deepEqual([...first.received.subarray(30)], [13, 10]);
  });

  it("is a PING and a ClientHello, on a connection each, to a silent far side", async () => {
    const far = await startScript(stage, () => {});
    await diagnoseAt({ target: far.address, timeoutMs: 200, wire: "spiped" });
    assert.equal(far.peers.length, 3);
    assert.equal(far.peers[1]?.text, "PING\r\n");
    assert.match(far.peers[2]?.received.subarray(0, 6).toString("hex") ?? "", /^160301....01$/);
  });

  it("is a nonce with a hint before all that, where the native wire may be spoken", async () => {
    const far = await startScript(stage, () => {});
    await diagnoseAt({ target: far.address, timeoutMs: 200 });
    assert.equal(far.peers.length, 4);
    assert.equal(far.peers[0]?.receivedBytes, NONCE_BYTES);
    assert.deepEqual([...(far.peers[1]?.received.subarray(30) ?? [])], [13, 10]);
  });

  it("is no second connection to a far side that the first connection has identified", async () => {
    const far = await startScript(stage, (peer) => peer.send("SSH-2.0-OpenSSH_9.2p1\r\n"));
    await diagnoseAt({ target: far.address });
    assert.equal(far.peers.length, 1);
  });

  it("holds C4 back until the first time and the round trips are over, and then for the longer time", async () => {
    const proofs: number[] = [];
    const far = await startScript(stage, (peer) => {
      peer.send(randomBytes(NONCE_BYTES));
      const sinceMs = performance.now();
      peer.socket.on("data", () => {
        if (peer.receivedBytes < PROVED_BYTES) return;
        proofs.push(performance.now() - sinceMs);
        peer.socket.end();
      });
    });
    // The first time is far from the second, so that a busy machine may be late; no timer fires too early.
    const report = await diagnoseAt({ target: far.address }, { context: { timings: { ...QUICK, holdMs: 150, longHoldMs: 2_000 } } });
    assert.equal(report.code, "KEY_MISMATCH");
    assert.equal(proofs.length, 2);
    const [short = 0, long = 0] = proofs;
    assert.ok(short >= 145 && long >= 1_990, JSON.stringify(proofs));
  });

  it("is a third proof, with forward secrecy, when we are without and were refused twice", async () => {
    const far = await startScript(stage, closeOnProof);
    await diagnoseAt({ target: far.address, forwardSecrecy: "off" });
    const weak = far.peers.map((peer) => peer.received.subarray(NONCE_BYTES, NONCE_BYTES + 255).every((byte) => byte === 0));
    assert.deepEqual(weak, [true, true, false]);
  });
});

describe("a far side that closes on our proof of the key", () => {
  const stage = stageForEach();
  const closeWhileHeld = (peer: Peer): void => {
    peer.send(randomBytes(NONCE_BYTES));
    peer.socket.end();
  };

  it("is not reported to hold another key when it then closes before the proof: BACKEND_DOWN, a guess", async () => {
    const far = await startScript(stage, closeOnProof, closeWhileHeld);
    const report = await diagnoseAt({ target: far.address });
    assert.deepEqual([report.code, report.certain], ["BACKEND_DOWN", false]);
    assert.equal(far.peers.length, 2);
  });

  it("is not reported to hold another key when it then resets: BACKEND_DOWN, a guess", async () => {
    const far = await startScript(
      stage,
      closeOnProof,
      nonceThen((socket) => socket.resetAndDestroy()),
    );
    const report = await diagnoseAt({ target: far.address });
    assert.deepEqual([report.code, report.certain], ["BACKEND_DOWN", false]);
  });

  it("is reported to hold another key when it gives up by itself during the longer wait: spiped -o 1", async () => {
    const wanted = await otherKey({ backend: async () => (await startBackend(stage, () => {})).address, args: ["-o", "1"] })(stage, { redis: "", mariaDb: "" });
    const report = await diagnoseAt(wanted, { context: { timings: { ...QUICK, longHoldMs: 2_000 } } });
    assert.deepEqual([report.code, report.certain], ["KEY_MISMATCH", false]);
  });

  it("is reported as gone when it can't be connected to again", async () => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      server.close();
      nonceThen((near) => void near.end())(new Peer(socket));
    });
    stage.own(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const report = await diagnoseAt({ target: `127.0.0.1:${(server.address() as net.AddressInfo).port}` });
    assert.deepEqual([report.code, report.certain], ["CONNECT_REFUSED", false], JSON.stringify(report));
    assert.match(outcomes(report), /^dial:CONNECT_REFUSED/);
  });
});

describe("a diagnosis", () => {
  const stage = stageForEach();
  let redis: Awaited<ReturnType<typeof startRedis>>;

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  const wellRedis = (options: { backend?: string } = {}) =>
    farEnd({ service: "redis", backend: options.backend ?? `127.0.0.1:${redis.port}` })(stage, { redis: "", mariaDb: "" });

  it("of a tunnel that works makes one connection, and shows where the time goes", async () => {
    const wanted = await wellRedis();
    const relay = await startRelay(stage, wanted.target, (chunk) => ({ pass: chunk }));
    const timings = { ...QUICK, holdMs: HELD_MS, firstWordMs: HELD_MS };
    const report = await diagnoseAt({ ...wanted, target: relay.address }, { context: { timings } });
    assert.equal(relay.peers.length, 1);
    assert.equal(outcomes(report), "dial:true nonce:true key-proof:true forward-secrecy:true backend:true service:true");
    const { dialMs, handshakeMs, backendMs } = report.roundTrips;
    assert.ok(dialMs !== undefined && handshakeMs !== undefined && backendMs !== undefined);
    for (const ms of [dialMs, handshakeMs, backendMs]) assert.ok(ms < HELD_MS, `${ms} ms: waiting on purpose is not counted`);
  });

  it("reports its stages in order, each as it happens", async () => {
    const seen: string[] = [];
    const onProgress: Parameters<typeof diagnoseAt>[1] = {
      context: { onProgress: (progress) => seen.push(progress.at === "begun" ? `${progress.stage}…` : progress.report.stage) },
    };
    await diagnoseAt(await wellRedis(), onProgress);
    const ended = seen.filter((name) => !name.endsWith("…"));
    assert.deepEqual(ended, ["config", "approval", "key", "listen", "resolve", "dial", "nonce", "key-proof", "forward-secrecy", "backend", "service"]);
    for (const name of ["resolve", "dial", "nonce", "key-proof", "backend"]) assert.ok(seen.indexOf(`${name}…`) < seen.indexOf(name), name);
  });

  it("tries each address of a name, uses the one that works, and warns of the other", async () => {
    const wanted = await wellRedis();
    const port = wanted.target.split(":").at(-1);
    const hole = await digHole(stage, { port: Number(port) });
    const report = await diagnoseAt(
      { ...wanted, target: `two.example:${port}`, timeoutMs: 3_000 },
      { context: { lookup: async () => [hole.split(":")[0] ?? "", "127.0.0.1"] } },
    );
    assert.equal(report.code, null);
    assert.deepEqual(
      report.addresses.map(({ address, ok, code }) => [address, ok, code]),
      [
        [hole, false, "CONNECT_TIMEOUT"],
        [`127.0.0.1:${port}`, true, undefined],
      ],
    );
    assert.deepEqual(
      report.warnings.map(({ about }) => about),
      ["dead-address"],
    );
  });

  it("says CONNECT_REFUSED of a name when one address refuses and the other is silent", async () => {
    const hole = await digHole(stage);
    const port = hole.split(":")[1];
    const report = await diagnoseAt({ target: `two.example:${port}`, timeoutMs: 2_000 }, { context: { lookup: async () => ["127.66.0.1", "127.66.0.2"] } });
    assert.equal(report.code, "CONNECT_REFUSED");
  });

  it("ends when a look-up never ends", async () => {
    const report = await diagnoseAt({ target: "slow.example:1", timeoutMs: 100 }, { context: { lookup: () => new Promise(() => {}) } });
    assert.deepEqual([report.code, report.stages[4]?.code], ["DNS_FAILED", "DNS_FAILED"]);
  });

  for (const [when, serve] of [
    ["from the beginning", (peer: Peer): void => trickle(peer)],
    [
      "after the nonce",
      (peer: Peer): void => {
        peer.send(randomBytes(NONCE_BYTES));
        peer.socket.on("data", () => peer.receivedBytes === PROVED_BYTES && trickle(peer));
      },
    ],
  ] as const) {
    it(`ends in time though the far side trickles ${when}`, async () => {
      const far = await startScript(stage, serve);
      // If each byte had extended the time limit, the trickle would have become a whole answer, and a wrong one.
      const report = await diagnoseAt({ target: far.address, timeoutMs: 600 });
      assert.equal(report.code, "HANDSHAKE_TIMEOUT");
    });
  }

  it("ends in time though the service trickles", async () => {
    const slow = await startBackend(stage, (peer) => void peer.socket.once("data", () => trickle(peer, START_OF_A_LINE)));
    const report = await diagnoseAt(await wellRedis({ backend: slow.address }), { context: { timings: SILENT } });
    assert.deepEqual([report.code, report.certain, report.stages.at(-1)?.ok], ["BACKEND_DOWN", false, false]);
  });

  it("takes no more than it needs from a far side that sends without end", async () => {
    const far = await startScript(stage, ({ socket }) => {
      const pump = (): void => {
        while (socket.writable && socket.write(randomBytes(65_536)));
      };
      socket.on("drain", pump);
      pump();
    });
    assert.equal((await diagnoseAt({ target: far.address })).code, "NOT_SPIPED");
    await until(() => far.peers[0]?.isClosed === true || far.peers[0]?.hasEnded === true, { what: "the connection was closed" });
  });

  for (const [phase, serve] of [
    ["waits for a nonce", () => {}],
    ["holds C4 back", (peer: Peer) => peer.send(randomBytes(NONCE_BYTES))],
    ["waits for S5", nonceThen(() => {})],
  ] as const) {
    it(`gives up when told to while it ${phase}, and closes its connection`, async () => {
      const far = await startScript(stage, serve);
      const controller = new AbortController();
      const { subject, context } = setUp(
        { target: far.address, timeoutMs: 20_000 },
        { context: { signal: controller.signal, timings: { ...QUICK, holdMs: phase.startsWith("holds") ? 20_000 : 1 } } },
      );
      const running = diagnose(subject, context);
      const bytes = phase.startsWith("waits for S5") ? PROVED_BYTES : NONCE_BYTES;
      await until(() => far.peers[0]?.receivedBytes === bytes, { what: "it was so far" });
      controller.abort(new Error("enough"));
      await assert.rejects(running, /enough/);
      await until(() => far.peers[0]?.isClosed === true || far.peers[0]?.hasEnded === true, { what: "the connection was closed" });
    });
  }
});
