/** A server end and a program that speaks a plain protocol to its port: the program is closed at once; a slow friend keeps its time. */
import assert from "node:assert/strict";
import { stageForEach } from "../../support/stage.ts";
import { ascii } from "../../support/wire/bytes.ts";
import { type End, startEnd } from "../../support/wire/ends.ts";
import { done, handshake } from "../../support/wire/handshakes.ts";
import { connectTo, type Peer, startBackend } from "../../support/wire/peer.ts";

/** Longer than any test may take, so a connection that is closed was closed for another reason. */
const NEVER_MS = 600_000;

describe("a server end", () => {
  const scope = stageForEach();

  async function serverEnd(): Promise<{ readonly end: End; readonly peer: Peer }> {
    const end = await startEnd(scope, { role: "server", target: (await startBackend(scope)).port, timeoutMs: NEVER_MS });
    return { end, peer: await connectTo(scope, end) };
  }

  for (const [what, pieces] of [
    ["Redis", ["*1\r\n$4\r\nPING\r\n"]],
    ["Redis, in pieces", ["*1", "\r\n$4\r", "\nPING\r\n"]],
    ["Redis, more than a nonce at once", ["*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n"]],
    ["HTTP", ["GET / HTTP/1.1\r\nHost: x\r\n\r\n"]],
    ["TLS", ["\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03"]],
  ] as const) {
    it(`closes a client that speaks ${what} as soon as that is sure, after its nonce, and says PLAIN_CLIENT`, async () => {
      const { end, peer } = await serverEnd();
      assert.equal((await peer.read(32)).length, 32);
      for (const piece of pieces) peer.write(ascii(piece));
      await peer.ending();
      assert.deepEqual(end.failures, ["PLAIN_CLIENT"]);
    });
  }

  it("serves a friend whose bytes come one by one", async () => {
    const { end, peer } = await serverEnd();
    const friend = handshake("client");
    const oneByOne = async (bytes: Uint8Array): Promise<void> => {
      for (const byte of bytes) await new Promise<void>((resolve) => peer.socket.write(Uint8Array.of(byte), () => setImmediate(resolve)));
    };
    await oneByOne(friend.start());
    await oneByOne(friend.receive(await peer.read(32)).send ?? assert.fail("no C4"));
    done(friend.receive(await peer.read(288)));
    assert.deepEqual(end.failures, []);
  });

  for (const [what, text] of [
    ["has said nothing", ""],
    ["has said what a nonce may begin with", "PING"],
    ["speaks no protocol that is known", "hello?\r\n"],
  ] as const) {
    it(`gives a client that ${what} its full time`, async () => {
      const { end, peer } = await serverEnd();
      peer.write(ascii(text));
      const other = await connectTo(scope, end);
      other.write(ascii("*1\r\n$4\r\nPING\r\n"));
      await other.ending();
      assert.deepEqual([end.failures, end.forwarder.connections.size], [["PLAIN_CLIENT"], 1]);
    });
  }
});
