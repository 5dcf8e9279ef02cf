import assert from "node:assert/strict";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { Duplex } from "node:stream";
import { proveAsClient, proveAsServer } from "../../../../daemon/lifecycle/door/challenged-socket.ts";
import type { ChallengeParts } from "../../../../daemon/lifecycle/door/pipe-challenge.ts";

/** Two streams, each of which reads what the other writes. */
function streamPair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk);
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const pair: [Duplex, Duplex] = [make(() => pair[1]), make(() => pair[0])];
  return pair;
}

const partsOf = (secret: Uint8Array): ChallengeParts => ({
  secret,
  hmac: (key, message) => createHmac("sha256", key).update(message).digest(),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  random: (bytes) => randomBytes(bytes),
});

const unreachable = { name: "TunnelError", code: "DAEMON_UNREACHABLE" };

describe("the challenge over a stream", () => {
  it("accepts two ends that know the secret, and leaves the bytes after the challenge in the stream", async () => {
    const [near, far] = streamPair();
    const parts = partsOf(randomBytes(32));
    await Promise.all([proveAsClient(near, parts).then(() => near.write("hello")), proveAsServer(far, parts)]);
    const [chunk] = (await far.take(1).toArray()) as Buffer[];
    assert.equal(String(chunk), "hello");
  });

  it("refuses a client that does not know the secret", async () => {
    const [near, far] = streamPair();
    const server = assert.rejects(proveAsServer(far, partsOf(randomBytes(32))), unreachable);
    near.write(randomBytes(32));
    near.write(randomBytes(32));
    await server;
    assert.equal(far.destroyed, true);
  });

  it("rejects on the client's side when the server does not know the secret, before the client proves anything", async () => {
    const [near, far] = streamPair();
    const client = assert.rejects(proveAsClient(near, partsOf(randomBytes(32))), unreachable);
    far.write(randomBytes(64));
    await client;
    assert.equal((far.read() as Buffer).length, 32);
  });

  it("fails when the other end hangs up half-way", async () => {
    const [near, far] = streamPair();
    const server = assert.rejects(proveAsServer(far, partsOf(randomBytes(32))), unreachable);
    near.write(randomBytes(10));
    near.end();
    await server;
  });
});
