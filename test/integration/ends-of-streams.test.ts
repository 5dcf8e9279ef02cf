/**
 * What each side sees when a connection is ended somewhere: {FIN, reset, unread input, kill} × each hop × {inside a packet,
 * between two} × both directions. Each row is done over a direct connection first. An error there must also be an error
 * through the tunnel: nobody takes a part of a stream for the whole stream. Rows that can't be known are listed as such,
 * with the reason.
 */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { startBackend } from "../support/process/backend.ts";
import { type Cut, type Cutter, type Direction, startCutter } from "../support/process/cutter.ts";
import { type Maker, makeKey, startEnd, startTunnel } from "../support/process/ends.ts";
import { connectTo, type Peer } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForAll, stageForEach } from "../support/stage.ts";

/** Nonce, y and its MAC, then packets (spiped's DESIGN.md), the same both ways. */
const HANDSHAKE_BYTES = 32 + 288;
const PACKET_BYTES = 1_060;

const SIZES = { "ten bytes": 10, "3 MB": 3_000_000 } as const;
type Size = keyof typeof SIZES;

const CHAINS = {
  "ours, ours": ["ours", "ours"],
  "ours, Debian's": ["ours", "Debian's"],
  "Debian's, ours": ["Debian's", "ours"],
} as const satisfies Record<string, readonly [Maker, Maker]>;
type ChainName = keyof typeof CHAINS;

/** How the sending program ends its connection, after sending everything. */
type Ending = "FIN" | "reset" | "close with unread input";
/** How the network cuts the connection. */
type Spot = "inside a packet" | "between two packets";

interface Row {
  readonly chain: ChainName;
  readonly direction: Direction;
  readonly size: Size;
  readonly event: { readonly at: "sender"; readonly ending: Ending } | { readonly at: "network"; readonly how: Cut["how"]; readonly spot: Spot };
  /** Why the receiver may see a clean end with data missing. */
  readonly cantKnow?: string;
}

/** What the receiver saw. */
interface Seen {
  readonly bytes: number;
  readonly how: "end" | "error";
}

const stream = Buffer.from(Uint8Array.from({ length: SIZES["3 MB"] }, (_, index) => (index * 31) % 251));

/** Where the application connects, and the network behind that. */
interface Ways {
  readonly address: string;
  readonly cutter: Cutter;
}

/** What the backend does with its next connection. */
let serve: (peer: Peer) => void = () => {};

async function send({ socket }: Peer, receiver: Peer, { size, ending }: { readonly size: Size; readonly ending: Ending | undefined }): Promise<void> {
  if (ending === "close with unread input") {
    // More than Node reads from a paused socket.
    socket.pause();
    await until(() => socket.readableLength >= socket.readableHighWaterMark, { what: "there was unread input" });
  }
  const bytes = stream.subarray(0, SIZES[size]);
  const first = size === "ten bytes" ? 5 : 0;
  // Two packets.
  socket.write(bytes.subarray(0, first));
  await until(() => receiver.receivedBytes >= first || receiver.isClosed || receiver.hasEnded, { what: "the first part was there" });
  await new Promise<void>((resolve) => socket.write(bytes.subarray(first), () => resolve()));
  if (ending === "FIN") socket.end();
  else if (ending === "reset") socket.resetAndDestroy();
  else if (ending === "close with unread input") socket.destroy();
}

async function observe(stage: Stage, { address, cutter }: Ways, row: Row, isDirect: boolean): Promise<Seen> {
  const { direction, size, event } = row;
  cutter.cut = event.at === "network" ? cutOf(row, event, isDirect) : undefined;
  const ending = event.at === "sender" ? event.ending : undefined;
  const accepted = new Promise<Peer>((resolve) => {
    serve = resolve;
  });
  const app = await connectTo(stage, address);
  const service = await accepted;
  const [sender, receiver] = direction === "up" ? [app, service] : [service, app];
  if (ending === "close with unread input") receiver.socket.write(Buffer.alloc(20_000_000));
  // A peer that goes away during a write makes the write fail, and nobody waits for that error.
  void send(sender, receiver, { size, ending }).catch(() => {});
  await until(() => receiver.hasEnded || receiver.isClosed, { what: "the receiver knew" });
  const got = receiver.received;
  assert.equal(got.compare(stream.subarray(0, got.length)), 0, "no wrong byte");
  for (const peer of [sender, receiver]) peer.socket.destroy();
  return { bytes: got.length, how: receiver.hasEnded ? "end" : "error" };
}

/** Half-way through. */
function cutOf({ direction, size }: Row, { how, spot }: Extract<Row["event"], { at: "network" }>, isDirect: boolean): Cut {
  if (isDirect) return { direction, how, atByte: SIZES[size] / 2 };
  const packets = size === "ten bytes" ? 1 : Math.floor(SIZES[size] / 1024 / 2);
  return { direction, how, atByte: HANDSHAKE_BYTES + packets * PACKET_BYTES + (spot === "inside a packet" ? 500 : 0) };
}

const BETWEEN = "a FIN between two packets is what the end of a whole stream looks like";
const SPIPED_SENDS = "spiped at the sender passes a reset on as an end";

function* rows(): Generator<Row> {
  for (const size of Object.keys(SIZES) as Size[]) {
    for (const direction of ["up", "down"] as const) {
      for (const chain of Object.keys(CHAINS) as ChainName[]) {
        const [client, server] = CHAINS[chain];
        const [nearSender, nearReceiver] = direction === "up" ? [client, server] : [server, client];
        // Behind spiped the receiver sees what spiped passes on.
        if (nearReceiver !== "ours") continue;
        for (const ending of ["FIN", "reset", "close with unread input"] as const) {
          const cantKnow = nearSender !== "ours" && ending !== "FIN" ? { cantKnow: SPIPED_SENDS } : {};
          yield { chain, direction, size, event: { at: "sender", ending }, ...cantKnow };
        }
        for (const how of ["FIN", "RST", "kill"] as const) {
          for (const spot of ["inside a packet", "between two packets"] as const) {
            const cantKnow = how !== "RST" && spot === "between two packets" ? { cantKnow: BETWEEN } : {};
            yield { chain, direction, size, event: { at: "network", how, spot }, ...cantKnow };
          }
        }
      }
    }
  }
}

function title({ direction, size, event }: Row): string {
  const what = event.at === "sender" ? `whose sender's end is: ${event.ending}` : `that the network cuts by ${event.how} ${event.spot}`;
  return `${size} ${direction === "up" ? "to the backend" : "from the backend"} ${what}`;
}

for (const [chain, [clientMaker, serverMaker]] of Object.entries(CHAINS)) {
  describe(`ends of streams, client end and server end: ${chain}`, () => {
    const stage = stageForAll();
    let tunnel: Ways;
    let direct: Ways;

    before(async () => {
      const backend = await startBackend(stage, (peer) => serve(peer));
      const key = makeKey(stage);
      const server = await startEnd(stage, { maker: serverMaker, role: "-d", target: backend.address, key });
      const cutter = await startCutter(stage, server.address);
      const client = await startEnd(stage, { maker: clientMaker, role: "-e", target: cutter.address, key });
      tunnel = { address: client.address, cutter };
      const plain = await startCutter(stage, backend.address);
      direct = { address: plain.address, cutter: plain };
    });

    for (const row of rows()) {
      if (row.chain !== chain) continue;
      const sent = SIZES[row.size];
      it(`${title(row)}${row.cantKnow === undefined ? "" : ` (can't be known: ${row.cantKnow})`}`, async () => {
        const wanted = await observe(stage, direct, row, true);
        const seen = await observe(stage, tunnel, row, false);
        if (row.cantKnow !== undefined) return;
        const isCut = row.event.at === "network" || wanted.how === "error";
        assert.equal(seen.how, isCut ? "error" : "end", `direct: ${JSON.stringify(wanted)}, through the tunnel: ${JSON.stringify(seen)}`);
        if (seen.how === "end") assert.equal(seen.bytes, sent);
      });
    }
  });
}

/** A program that sends as much as its connection takes and reads nothing; `connect` is an expression. */
const senderProgram = (connect: string): string => `
  const send = (socket) => {
    socket.pause();
    socket.on("error", () => {});
    const push = () => { while (socket.write(Buffer.alloc(65536, "x"))); };
    socket.on("drain", push);
    push();
  };
  ${connect}`;

describe("a program that is killed in the middle of sending, with unread input", () => {
  const stage = stageForEach();

  for (const isDirect of [true, false]) {
    const way = isDirect ? "directly" : "through the tunnel";
    it(`is an error for the application, ${way}: the backend`, async () => {
      const port = await freePort();
      const program = `require("node:net").createServer(send).listen(${port}, "127.0.0.1", () => console.error("listens"));`;
      const backend = stage.spawn(process.execPath, ["-e", senderProgram(program)]);
      await backend.logs(/listens/);
      const target = `[127.0.0.1]:${port}`;
      const app = await connectTo(stage, isDirect ? target : (await startTunnel(stage, { target })).address);
      app.socket.write(Buffer.alloc(20_000_000));
      await app.has(3_000_000);
      await backend.kill("SIGKILL");
      await until(() => app.isClosed || app.hasEnded, { what: "the application knew" });
      assert.deepEqual([app.hasEnded, app.errorCode !== undefined], [false, true]);
    });

    it(`is an error for the backend, ${way}: the application`, async () => {
      let service: Peer | undefined;
      const backend = await startBackend(stage, (peer) => {
        service = peer;
        peer.socket.write(Buffer.alloc(20_000_000));
      });
      const address = isDirect ? backend.address : (await startTunnel(stage, { target: backend.address })).address;
      const port = address.slice(address.lastIndexOf(":") + 1);
      const app = stage.spawn(process.execPath, ["-e", senderProgram(`const socket = require("node:net").connect(${port}, "127.0.0.1", () => send(socket));`)]);
      await until(() => (service?.receivedBytes ?? 0) >= 3_000_000, { what: "the backend had a part" });
      await app.kill("SIGKILL");
      await until(() => service?.isClosed === true || service?.hasEnded === true, { what: "the backend knew" });
      assert.deepEqual([service?.hasEnded, service?.errorCode !== undefined], [false, true]);
    });
  }
});

describe("an end of a tunnel that is killed in the middle of a transfer", () => {
  const stage = stageForEach();

  /** The sender surely gets an error: its data has no reader. The receiver may not: the kernel may end a killed program's connections cleanly. */
  for (const direction of ["up", "down"] as const) {
    for (const end of ["client", "server"] as const) {
      it(`is an error for the sender, and no wrong byte for the receiver: the ${end} end, bytes going ${direction}`, async () => {
        const accepted = new Promise<Peer>((resolve) => {
          serve = resolve;
        });
        const backend = await startBackend(stage, (peer) => serve(peer));
        const tunnel = await startTunnel(stage, { target: backend.address });
        const app = await connectTo(stage, tunnel.address);
        const service = await accepted;
        const [sender, receiver] = direction === "up" ? [app, service] : [service, app];
        const push = (): void => {
          while (!sender.socket.destroyed && sender.socket.write(stream));
        };
        sender.socket.on("drain", push);
        push();
        await receiver.has(3_000_000);
        await tunnel[end].program.kill("SIGKILL");
        await until(() => sender.isClosed, { what: "the sender was told" });
        assert.notEqual(sender.errorCode, undefined);
        await until(() => receiver.isClosed || receiver.hasEnded, { what: "the receiver was told" });
        const whole = Buffer.concat(Array.from({ length: Math.ceil(receiver.receivedBytes / stream.length) }, () => stream));
        assert.equal(receiver.received.compare(whole.subarray(0, receiver.receivedBytes)), 0);
      });
    }
  }
});
