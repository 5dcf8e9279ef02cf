/**
 * spipe, ours and Debian's, against the other's spiped.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startBackend, startEcho, startSink } from "../support/process/backend.ts";
import { commandOf, freeAddress, type Maker, makeKey, startEnd } from "../support/process/ends.ts";
import { sha256 } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const PAIRS: readonly (readonly [spipe: Maker, spiped: Maker])[] = [
  ["ours", "ours"],
  ["ours", "Debian's"],
  ["Debian's", "ours"],
];

function spipe(stage: Stage, maker: Maker, options: { readonly target: string; readonly key: string; readonly input: Uint8Array | string }) {
  return run(stage, [...commandOf(maker, "spipe"), "-t", options.target, "-k", options.key], { input: options.input });
}

for (const [near, far] of PAIRS) {
  describe(`interop: ${near} spipe and ${far} spiped -d`, () => {
    const stage = stageForEach();

    it("returns a megabyte from standard input to standard output unaltered", async () => {
      const key = makeKey(stage);
      const { address } = await startEnd(stage, { maker: far, role: "-d", target: (await startEcho(stage)).address, key });
      const input = randomBytes(1_000_000);
      const { code, stdout, stderr } = await spipe(stage, near, { target: address, key, input });
      assert.equal(stderr, "");
      assert.equal(code, 0);
      assert.equal(sha256(stdout), sha256(input));
    });

    it("prints the data of a backend that ends before standard input has any data", async () => {
      const key = makeKey(stage);
      const backend = await startBackend(stage, ({ socket }) => void socket.end("greeting"));
      const { address } = await startEnd(stage, { maker: far, role: "-d", target: backend.address, key });
      const { code, stdout } = await spipe(stage, near, { target: address, key, input: "" });
      assert.deepEqual([code, stdout.toString()], [0, "greeting"]);
    });

    it("exits non-zero without output when the keys differ", async () => {
      const sink = await startSink(stage);
      const { address } = await startEnd(stage, { maker: far, role: "-d", target: sink.address, key: makeKey(stage, "one") });
      const { code, stdout } = await spipe(stage, near, { target: address, key: makeKey(stage, "two"), input: "secret" });
      assert.notEqual(code, 0);
      assert.equal(stdout.length, 0);
      assert.equal(
        sink.peers.reduce((sum, peer) => sum + peer.receivedBytes, 0),
        0,
      );
    });

    it("exits 1 when nothing listens at the target", async () => {
      const { code, stdout } = await spipe(stage, near, { target: await freeAddress(), key: makeKey(stage), input: "x" });
      assert.deepEqual([code, stdout.length], [1, 0]);
    });
  });
}
