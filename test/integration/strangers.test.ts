/**
 * A stranger who comes to the encrypted port without the key gets the 32-byte nonce that everybody gets and not a byte
 * more, never causes a dial, is logged with a reason but doesn't flood the log, and disturbs nobody.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type Backend, startEcho } from "../support/process/backend.ts";
import { type End, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange, type Peer } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const NONCE_BYTES = 32;
/** y_C and its MAC: what C4 takes after the nonce. */
const PROOF_BYTES = 288;
const CROWD = 1_000;
/** Most lines a crowd may add to the log. */
const MAX_LOG_LINES = 10;

/** The start of a TLS 1.2 ClientHello record of 517 bytes. */
const TLS_HELLO = Buffer.concat([Buffer.from("1603010200010001fc0303", "hex"), randomBytes(506)]);

const STRANGERS: readonly { readonly name: string; readonly says: Uint8Array | string; readonly reason: RegExp }[] = [
  { name: "a whole handshake of random bytes", says: randomBytes(NONCE_BYTES + PROOF_BYTES), reason: /KEY_MISMATCH/ },
  { name: "a flood of random bytes", says: randomBytes(200_000), reason: /KEY_MISMATCH/ },
  { name: "a TLS ClientHello", says: TLS_HELLO, reason: /PLAIN_CLIENT/ },
  { name: "a Redis command", says: "*1\r\n$4\r\nPING\r\n", reason: /PLAIN_CLIENT/ },
  { name: "an HTTP request", says: `GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: ${"x".repeat(400)}\r\n\r\n`, reason: /PLAIN_CLIENT/ },
  { name: "half a handshake, then silence", says: randomBytes(NONCE_BYTES + 100), reason: /HANDSHAKE_TIMEOUT/ },
  { name: "silence", says: "", reason: /HANDSHAKE_TIMEOUT/ },
];

/** A server end with a client end in use: `friend` is a connection through both. */
async function inUse(
  stage: Stage,
  args: readonly string[],
): Promise<{ readonly echo: Backend; readonly server: End; readonly near: string; readonly friend: Peer }> {
  const key = makeKey(stage);
  const echo = await startEcho(stage);
  const server = await startEnd(stage, { role: "-d", target: echo.address, key, args });
  const client = await startEnd(stage, { role: "-e", target: server.address, key });
  let friend = await connectTo(stage, client.address);
  // With a short -o, a busy machine may take too long for a handshake: then the next handshake counts.
  const isServed = async (): Promise<boolean> =>
    friend.echoes("before").then(
      () => true,
      async () => {
        friend = await connectTo(stage, client.address);
        return false;
      },
    );
  await until(isServed, { what: "the friend was served" });
  return { echo, server, near: client.address, friend };
}

describe("a stranger at the encrypted port", () => {
  const stage = stageForEach();

  for (const { name, says, reason } of STRANGERS) {
    it(`is closed with a reason in the log, without an answer and without a dial: ${name}`, async () => {
      // Data shorter than a handshake is judged when the time is over; for longer data a second may be too short on a busy machine.
      const isWhole = says.length >= NONCE_BYTES + PROOF_BYTES;
      const { echo, server, friend } = await inUse(stage, isWhole ? [] : ["-o", "1"]);
      const stranger = await connectTo(stage, server.address);
      stranger.send(says);
      const answer = await stranger.closed();
      // A reset may overtake the nonce; nothing may follow it.
      assert.ok(answer.length <= NONCE_BYTES, `it got ${answer.length} bytes`);
      await server.program.logs(reason);
      await friend.echoes("after");
      assert.equal(echo.peers.length, 1);
    });
  }

  it("is closed with a reason when it goes away in the middle of the handshake", async () => {
    const { echo, server, friend } = await inUse(stage, []);
    const stranger = await connectTo(stage, server.address);
    await stranger.has(NONCE_BYTES);
    stranger.end(randomBytes(100));
    assert.equal((await stranger.closed()).length, NONCE_BYTES);
    await server.program.logs(/PEER_CLOSED/);
    await friend.echoes("after");
    assert.equal(echo.peers.length, 1);
  });

  it("gets a new nonce each time", async () => {
    const { server } = await inUse(stage, []);
    const nonces = await Promise.all([1, 2].map(async () => (await (await connectTo(stage, server.address)).has(NONCE_BYTES)).toString("hex")));
    assert.notEqual(nonces[0], nonces[1]);
  });
});

describe("a thousand strangers at the encrypted port", () => {
  const stage = stageForEach();

  it("are all closed, a few lines in the log, while friends old and new are served (-n 0)", async () => {
    const { echo, server, near, friend } = await inUse(stage, ["-n", "0", "-o", "20"]);
    const crowd = await Promise.all(Array.from({ length: CROWD }, () => connectTo(stage, server.address)));
    for (const [index, stranger] of crowd.entries()) stranger.send(STRANGERS[index % STRANGERS.length]?.says ?? "");
    await friend.echoes("during");
    assert.equal((await exchange(stage, near, "a new friend")).toString(), "a new friend");
    const answers = await Promise.all(crowd.map((stranger) => stranger.closed()));
    assert.ok(answers.every((answer) => answer.length <= NONCE_BYTES));
    await friend.echoes("after");
    assert.equal(echo.peers.length, 2);
    await server.program.logs(/KEY_MISMATCH/);
    await server.program.logs(/HANDSHAKE_TIMEOUT/);
    assert.ok(server.program.log.length <= MAX_LOG_LINES, server.program.stderr);
  });

  it("are all closed at the default limit of connections, an old friend undisturbed and a new one served in the end", async () => {
    const { echo, server, near, friend } = await inUse(stage, []);
    const loud = STRANGERS.filter(({ reason }) => reason.source === "KEY_MISMATCH");
    const crowd = await Promise.all(Array.from({ length: CROWD }, () => connectTo(stage, server.address)));
    for (const [index, stranger] of crowd.entries()) stranger.send(loud[index % loud.length]?.says ?? "");
    await friend.echoes("during");
    const answers = await Promise.all(crowd.map((stranger) => stranger.closed()));
    assert.ok(answers.every((answer) => answer.length <= NONCE_BYTES));
    assert.equal((await exchange(stage, near, "a new friend")).toString(), "a new friend");
    await friend.echoes("after");
    assert.equal(echo.peers.length, 2);
    assert.ok(server.program.log.length <= MAX_LOG_LINES, server.program.stderr);
  });
});

describe("silent strangers at an end that may have 60 descriptors open", () => {
  const stage = stageForEach();

  it("give way to a new friend, however many there are, and an old friend goes on", async () => {
    const key = makeKey(stage);
    const echo = await startEcho(stage);
    // The end's time for a handshake is longer than any test, so no stranger is closed by the time limit.
    const server = await startEnd(stage, { role: "-d", target: echo.address, key, args: ["-o", "3600"], shell: "ulimit -n 60" });
    const client = await startEnd(stage, { role: "-e", target: server.address, key });
    const old = await connectTo(stage, client.address);
    await old.echoes("before");
    for (let count = 0; count < 80; count++) await (await connectTo(stage, server.address)).has(NONCE_BYTES);
    await server.program.logs(/LIMIT_REACHED: file descriptors are short/);
    for (const name of ["first", "second", "third"]) assert.equal((await exchange(stage, client.address, name)).toString(), name);
    await old.echoes("after");
  });
});

describe("a plain client at the encrypted port's neighbour", () => {
  const stage = stageForEach();

  it("gets a closed connection when the client end's target is not a spiped", async () => {
    const plain = await startEcho(stage);
    const client = await startEnd(stage, { role: "-e", target: plain.address, key: makeKey(stage), args: ["-o", "1"] });
    const peer = await connectTo(stage, client.address);
    peer.send("PING\r\n");
    assert.equal((await peer.closed()).length, 0);
    await client.program.logs(/NOT_SPIPED|PEER_MAC_INVALID|HANDSHAKE_TIMEOUT/);
    assert.equal(plain.peers[0]?.text.includes("PING"), false);
  });
});
