/**
 * What must not work: a different key, and weak mode against an end that requires forward secrecy. Whichever end
 * refuses, no byte of data passes and the client's connection is closed.
 */
import assert from "node:assert/strict";
import { startEcho } from "../support/process/backend.ts";
import { type Maker, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

interface Side {
  readonly maker: Maker;
  readonly key: string;
  readonly args?: readonly string[];
}

const PAIRS: readonly (readonly [client: Maker, server: Maker])[] = [
  ["ours", "ours"],
  ["ours", "Debian's"],
  ["Debian's", "ours"],
];

/** Sends a question through; once the client was closed, resolves to the log of both ends and what the backend saw. */
async function refused(stage: Stage, client: Side, server: Side) {
  const backend = await startEcho(stage);
  const far = await startEnd(stage, { role: "-d", target: backend.address, ...server });
  const near = await startEnd(stage, { role: "-e", target: far.address, ...client });
  const peer = await connectTo(stage, near.address);
  peer.send("question");
  await peer.ended();
  assert.equal(peer.receivedBytes, 0);
  return { near: near.program, far: far.program, backendBytes: backend.peers.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0), backend };
}

for (const [client, server] of PAIRS) {
  describe(`interop: ${client} client end is refused by ${server} server end`, () => {
    const stage = stageForEach();

    it("with a different key", async () => {
      const { near, far, backend, backendBytes } = await refused(
        stage,
        { maker: client, key: makeKey(stage, "one") },
        { maker: server, key: makeKey(stage, "two") },
      );
      assert.equal(backendBytes, 0);
      if (server === "ours") {
        await far.logs(/KEY_MISMATCH/);
        assert.equal(backend.peers.length, 0, "a stranger must not cause a dial");
      }
      if (client === "ours") await near.logs(/KEY_MISMATCH|BACKEND_DOWN/);
    });

    for (const [weak, strict] of [
      ["client", "server"],
      ["server", "client"],
    ] as const) {
      it(`when the ${weak} end is weak (-f) and the ${strict} end requires forward secrecy (-g)`, async () => {
        const key = makeKey(stage);
        const argsOf = (side: string): readonly string[] => (side === weak ? ["-f"] : ["-g"]);
        const { near, far, backendBytes } = await refused(
          stage,
          { maker: client, key, args: argsOf("client") },
          { maker: server, key, args: argsOf("server") },
        );
        assert.equal(backendBytes, 0);
        const [strictMaker, strictEnd] = strict === "client" ? [client, near] : [server, far];
        if (strictMaker === "ours") await strictEnd.logs(/FORWARD_SECRECY_REFUSED/);
      });
    }
  });
}
