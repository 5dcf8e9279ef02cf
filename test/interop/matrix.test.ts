/**
 * Our spiped and Debian's, as either end, in every mode and over every transport: all data arrives, whole and in both
 * directions.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startBackend, startEcho } from "../support/process/backend.ts";
import { type Maker, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo, exchange, sha256 } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const MEGABYTE = 1_000_000;
const MODES = [
  { name: "the default mode", args: [] },
  { name: "weak mode (-f)", args: ["-f"] },
  { name: "forward secrecy required (-g)", args: ["-g"] },
];
const PAIRS: readonly { readonly client: Maker; readonly server: Maker }[] = [
  { client: "ours", server: "ours" },
  { client: "ours", server: "Debian's" },
  { client: "Debian's", server: "ours" },
];
const TRANSPORTS = ["TCP", "a unix socket", "IPv6"] as const;
type Transport = (typeof TRANSPORTS)[number];

interface Places {
  readonly backend: string;
  readonly server: string | undefined;
  readonly client: string | undefined;
}

function places(stage: Stage, transport: Transport): Places {
  switch (transport) {
    case "TCP":
      return { backend: "[127.0.0.1]:0", server: undefined, client: undefined };
    case "a unix socket":
      return { backend: stage.path("b"), server: stage.path("s"), client: stage.path("c") };
    case "IPv6":
      return { backend: "[::1]:0", server: undefined, client: undefined };
  }
}

/** Both ends over one transport; resolves to the address of the client end. */
async function join(
  stage: Stage,
  options: { readonly pair: (typeof PAIRS)[number]; readonly places: Places; readonly target: string; readonly host: string; readonly args: readonly string[] },
): Promise<string> {
  const { pair, args } = options;
  const key = makeKey(stage);
  const server = await startEnd(stage, {
    maker: pair.server,
    role: "-d",
    target: options.target,
    key,
    args,
    host: options.host,
    ...(options.places.server !== undefined && { source: options.places.server }),
  });
  const client = await startEnd(stage, {
    maker: pair.client,
    role: "-e",
    target: server.address,
    key,
    args,
    host: options.host,
    ...(options.places.client !== undefined && { source: options.places.client }),
  });
  return client.address;
}

for (const pair of PAIRS) {
  describe(`interop: ${pair.client} client end and ${pair.server} server end`, () => {
    const stage = stageForEach();

    for (const transport of TRANSPORTS) {
      const host = transport === "IPv6" ? "::1" : "127.0.0.1";

      for (const { name, args } of MODES) {
        it(`returns a megabyte unaltered in ${name} over ${transport}`, async () => {
          const where = places(stage, transport);
          const { address: target } = await startEcho(stage, where.backend);
          const address = await join(stage, { pair, places: where, target, host, args });
          const sent = randomBytes(MEGABYTE);
          assert.equal(sha256(await exchange(stage, address, sent)), sha256(sent));
        });
      }

      it(`lets the backend answer after the client has ended its half over ${transport}`, async () => {
        const where = places(stage, transport);
        const answer = randomBytes(MEGABYTE);
        const { address: target, peers } = await startBackend(stage, ({ socket }) => void socket.once("end", () => socket.end(answer)), where.backend);
        const address = await join(stage, { pair, places: where, target, host, args: [] });
        assert.equal(sha256(await exchange(stage, address, "question")), sha256(answer));
        assert.equal(peers[0]?.text, "question");
      });

      it(`lets the client go on sending after the backend has ended its half over ${transport}`, async () => {
        const where = places(stage, transport);
        const { address: target, peers } = await startBackend(stage, ({ socket }) => void socket.end("greeting"), where.backend);
        const address = await join(stage, { pair, places: where, target, host, args: [] });
        const client = await connectTo(stage, address);
        assert.equal((await client.ended()).toString(), "greeting");
        const sent = randomBytes(MEGABYTE);
        client.end(sent);
        assert.equal(sha256((await peers[0]?.ended()) ?? Buffer.alloc(0)), sha256(sent));
      });
    }

    it("passes on the end of clients that leave without sending anything", async () => {
      const where = places(stage, "TCP");
      const { address: target, peers } = await startEcho(stage, where.backend);
      const address = await join(stage, { pair, places: where, target, host: "127.0.0.1", args: [] });
      const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(stage, address, "")));
      assert.ok(answers.every((answer) => answer.length === 0));
      await until(() => peers.length === 20 && peers.every((peer) => peer.hasEnded), { what: "the backend had seen them all end" });
    });
  });
}
