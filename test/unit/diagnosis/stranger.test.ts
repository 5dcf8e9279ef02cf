/** What answers a stranger's questions, at a far side that said nothing to our nonce. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { askStranger } from "../../../daemon/diagnosis/stranger.ts";
import { stageForEach } from "../../support/stage.ts";

const NONCE = Buffer.alloc(32, 0xa5);

describe("a far side that said nothing", () => {
  const stage = stageForEach();

  for (const closedFirst of [0, 1, 2, 3]) {
    it(`has greeted late when it closes ${closedFirst} connections without a byte before it greets one`, async () => {
      const { connect, count } = await farSide((socket, index) => (index < closedFirst ? socket.end() : socket.end(NONCE)));
      assert.deepEqual(await ask(connect), { is: "late" });
      assert.equal(count(), closedFirst + 1);
    });
  }

  it("is unknown when it closes every connection without a byte, after five of them", async () => {
    const { connect, count } = await farSide((socket) => socket.end());
    assert.deepEqual(await ask(connect), { is: "unknown" });
    assert.equal(count(), 5);
  });

  it("is unknown when nothing accepts a connection", async () => {
    assert.deepEqual(await ask(async () => undefined), { is: "unknown" });
  });

  function ask(connect: () => Promise<net.Socket | undefined>): ReturnType<typeof askStranger> {
    return askStranger({ connect, random: systemRandom, timeoutMs: 30_000, signal: new AbortController().signal });
  }

  async function farSide(behave: (socket: net.Socket, index: number) => void): Promise<{ connect: () => Promise<net.Socket>; count: () => number }> {
    let seen = 0;
    const server = net.createServer((socket) => {
      socket.on("error", () => {}).resume();
      behave(socket, seen++);
    });
    stage.own(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const connect = (): Promise<net.Socket> =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => resolve(socket)).once("error", reject);
      });
    return { connect, count: () => seen };
  }
});
