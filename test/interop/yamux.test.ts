/**
 * Our streams against hashicorp's own yamux, the implementation that its specification describes. It needs Go and
 * Debian's golang-github-hashicorp-yamux-dev (80 MB to download), so it runs only where both are installed.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { Mux } from "../../daemon/protocol/mux.ts";
import { GO_AWAY } from "../../daemon/protocol/mux-frame.ts";
import type { MuxStream, StreamUser } from "../../daemon/protocol/mux-stream.ts";
import type { Role } from "../../daemon/protocol/wire.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";
import { pattern, sameBytes } from "../support/wire/bytes.ts";

const GOPATH = "/usr/share/gocode";
const SOURCE = fileURLToPath(new URL("../support/yamux/peer.go", import.meta.url));
const isThere = existsSync("/usr/bin/go") && existsSync(`${GOPATH}/src/github.com/hashicorp/yamux`);
const MEGABYTES = 3_000_000;

/** A mux of ours on the first connection to a new port of this process. */
class OnSocket {
  readonly mux: Mux;
  readonly streams: MuxStream[] = [];
  readonly pongs: number[] = [];
  wentAway = false;
  #socket: Socket | undefined;
  readonly #server: Server;

  constructor(stage: Stage, role: Role, onStream: (stream: MuxStream) => void) {
    this.mux = new Mux({
      ...{ role, peerHoldsBytes: Number.POSITIVE_INFINITY, holdsBytes: Number.POSITIVE_INFINITY, maxStreams: 1_000 },
      ...{ nowMs: () => performance.now(), onStream, onOutput: () => void setImmediate(() => this.flush()) },
      onPong: (value) => void this.pongs.push(value),
      onGoAway: () => {
        this.wentAway = true;
      },
    });
    this.#server = createServer((socket) => {
      this.#socket = socket;
      stage.own(socket, (open) => open.destroy());
      socket.on("data", (chunk) => {
        this.mux.receive(chunk);
        this.flush();
      });
      socket.on("error", () => {});
      socket.on("drain", () => this.flush());
      this.flush();
    });
    stage.own(this.#server, (open) => open.close());
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(this.#server.address() as { readonly port: number }).port}`;
  }

  flush(): void {
    const socket = this.#socket;
    while (socket && this.mux.hasOutput && socket.writableLength < 1_000_000) {
      const frames = new Uint8Array(65_536);
      const end = this.mux.fill(frames, 0);
      if (end === 0) return;
      socket.write(frames.subarray(0, end));
    }
  }
}

/** Sends back what comes, and its end. */
function echo(stream: MuxStream): void {
  stream.user = {
    onData: (bytes) => {
      stream.write(bytes);
      stream.consumed(bytes.length);
    },
    onEnd: () => stream.end(),
    onReset: () => {},
    onWritable: () => {},
  };
}

/** Collects what comes. */
class Reader implements StreamUser {
  readonly #pieces: Uint8Array[] = [];
  readonly #stream: MuxStream;
  ended = false;

  constructor(stream: MuxStream) {
    this.#stream = stream;
    stream.user = this;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }

  onData(bytes: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(bytes));
    this.#stream.consumed(bytes.length);
  }

  onEnd(): void {
    this.ended = true;
  }

  onReset(): void {}
  onWritable(): void {}
}

(isThere ? describe : describe.skip)("streams of ours and hashicorp's yamux", () => {
  const stage = stageForEach();
  let peer: string;

  beforeEach(() => {
    peer = stage.path("peer");
    execFileSync("/usr/bin/go", ["build", "-o", peer, SOURCE], {
      env: { ...process.env, GOPATH, GO111MODULE: "off", GOFLAGS: "", GOCACHE: stage.path("cache") },
    });
  });

  it("carry its requests, twenty at once, and answer its ping", async () => {
    const ours = new OnSocket(stage, "server", echo);
    const program = stage.spawn(peer, ["client", await ours.listen(), "20", String(MEGABYTES)]);
    await until(() => !program.isRunning, { what: "the client had all its echoes" });
    assert.deepEqual([program.stdout.trim(), program.stderr], ["ok", ""]);
  });

  it("carry ours to it, and its answers back, with half-closes, pings and a Go Away", async () => {
    const ours = new OnSocket(stage, "client", (stream) => stream.reset());
    stage.spawn(peer, ["server", await ours.listen()]);
    const readers = [1, 2, 3, 4, 5].map((seed) => {
      const stream = ours.mux.open();
      const reader = new Reader(stream);
      stream.write(pattern(MEGABYTES, seed));
      stream.end();
      return { seed, reader };
    });
    ours.mux.ping(77);
    await until(() => readers.every(({ reader }) => reader.ended), { what: "every echo was whole" });
    for (const { seed, reader } of readers) sameBytes(reader.bytes, pattern(MEGABYTES, seed));
    assert.deepEqual(ours.pongs, [77]);
    assert.equal(ours.mux.streams.size, 0);
    ours.mux.goAway(GO_AWAY.normal);
    ours.flush();
  });
});
