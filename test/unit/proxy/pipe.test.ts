/** One direction of a connection on streams that the test opens and closes by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable, Writable } from "node:stream";
import { Pipe, type PipeOptions } from "../../../daemon/proxy/pipe.ts";
import { ascii, join, sameBytes } from "../../support/wire/bytes.ts";
import { deferred, turnOfTheLoop } from "../../support/wire/loop.ts";

/** A sink that finishes a write only when told to. */
class SlowSink extends Writable {
  readonly written: Uint8Array[] = [];
  readonly #held: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 10 });
  }

  override _write(chunk: Uint8Array, _: unknown, callback: () => void): void {
    this.written.push(Uint8Array.from(chunk));
    this.#held.push(callback);
  }

  /** Lets the write under way finish. */
  release(): void {
    this.#held.shift()?.();
  }
}

/** A sink that takes everything at once. */
class QuickSink extends Writable {
  readonly written: Uint8Array[] = [];
  override _write(chunk: Uint8Array, _: unknown, callback: () => void): void {
    this.written.push(Uint8Array.from(chunk));
    callback();
  }
}

/** Paused, as accepted and dialled sockets are. */
const openSource = (): Readable => new Readable({ read: () => {} }).pause();

interface Joined<Sink extends Writable> {
  readonly source: Readable;
  readonly sink: Sink;
  readonly pipe: Pipe;
  readonly done: Promise<void>;
  readonly events: string[];
}

function joined<Sink extends Writable>(sink: Sink, overrides: Partial<PipeOptions> = {}): Joined<Sink> {
  const source = openSource();
  const events: string[] = [];
  const { promise: done, resolve } = deferred();
  const pipe = new Pipe({
    source,
    sink,
    transform: (chunk) => chunk,
    onEnd: () => void events.push("end"),
    onDone: () => {
      events.push("done");
      resolve();
    },
    onError: (error) => void events.push(`error ${String(error)}`),
    ...overrides,
  });
  return { source, sink, pipe, done, events };
}

const NOTHING = new Uint8Array(0);
const EVENTS = ["data", "end", "drain", "error", "close", "finish", "readable"];
const listenersOf = (stream: Readable | Writable): number[] => EVENTS.map((event) => stream.listenerCount(event));

describe("Pipe", () => {
  it("writes what it read, transformed, and half-closes the sink at the end", async () => {
    const { source, sink, pipe, done, events } = joined(new QuickSink(), { transform: (chunk) => join(chunk, ascii("!")) });
    pipe.start(NOTHING);
    source.push(ascii("one"));
    source.push(null);
    await done;
    sameBytes(join(...sink.written), ascii("one!"));
    assert.deepEqual(events, ["end", "done"]);
    assert.deepEqual([pipe.state, sink.writableFinished], ["done", true]);
  });

  it("writes the bytes that were read before it began first", async () => {
    const { source, sink, pipe, done } = joined(new QuickSink());
    source.push(ascii(" world"));
    pipe.start(ascii("hello"));
    source.push(null);
    await done;
    sameBytes(join(...sink.written), ascii("hello world"));
  });

  it("passes an end on when there was no data at all", async () => {
    const { source, sink, pipe, done } = joined(new QuickSink());
    pipe.start(NOTHING);
    source.push(null);
    await done;
    assert.equal(sink.written.length, 0);
    assert.equal(sink.writableFinished, true);
  });

  it("writes nothing for a chunk that transforms into nothing, and reads on", async () => {
    const { source, sink, pipe, done } = joined(new QuickSink(), { transform: (chunk) => (chunk[0] === 0 ? NOTHING : chunk) });
    pipe.start(NOTHING);
    source.push(new Uint8Array(5));
    source.push(ascii("data"));
    source.push(null);
    await done;
    assert.deepEqual(
      sink.written.map((chunk) => chunk.length),
      [4],
    );
  });

  it("pauses the source when the sink's queue is full, until it drains", async () => {
    const { source, sink, pipe } = joined(new SlowSink());
    pipe.start(new Uint8Array(20));
    assert.equal(source.isPaused(), true);
    const drained = once(sink, "drain");
    sink.release();
    await drained;
    assert.equal(source.isPaused(), false);
  });

  it("takes no second chunk while the first one is blocked", async () => {
    const arrivals = Array.from({ length: 5 }, () => deferred());
    let transformed = 0;
    const { source, sink, pipe, done } = joined(new SlowSink(), {
      transform: (chunk) => {
        arrivals[transformed++]?.resolve();
        return chunk;
      },
    });
    pipe.start(NOTHING);
    for (const _ of arrivals) source.push(new Uint8Array(100));
    source.push(null);
    for (const [index, arrival] of arrivals.entries()) {
      await arrival.promise;
      await turnOfTheLoop();
      assert.deepEqual([transformed, sink.writableLength, source.isPaused()], [index + 1, 100, true]);
      sink.release();
    }
    await done;
    assert.equal(sink.written.length, 5);
  });

  it("does not read at all when the first bytes fill the sink", () => {
    const { source, pipe } = joined(new SlowSink());
    source.push(ascii("later"));
    pipe.start(new Uint8Array(20));
    assert.equal(source.readableLength, 5);
  });

  it("ends the sink only after the data that is still queued", async () => {
    const { source, sink, pipe, done, events } = joined(new SlowSink());
    pipe.start(NOTHING);
    source.push(new Uint8Array(3));
    source.push(null);
    await once(source, "end");
    assert.deepEqual([pipe.state, events, sink.writableFinished], ["ended", ["end"], false]);
    sink.release();
    await done;
    assert.equal(sink.writableFinished, true);
  });

  it("reports the error that the transform threw, and writes nothing of that chunk", async () => {
    const { sink, source, pipe, events } = joined(new QuickSink(), {
      transform: () => {
        throw new Error("bad packet");
      },
    });
    pipe.start(NOTHING);
    source.push(ascii("x"));
    await once(source, "data");
    assert.deepEqual(events, ["error Error: bad packet"]);
    assert.equal(sink.written.length, 0);
  });

  for (const when of ["before it begins to flow", "while it flows", "while it is blocked", "when the source has ended"] as const) {
    it(`removes all its listeners when it is stopped ${when}`, async () => {
      const { source, sink, pipe } = joined(new SlowSink());
      const before = [listenersOf(source), listenersOf(sink)];
      pipe.start(when === "while it is blocked" ? new Uint8Array(20) : NOTHING);
      if (when === "while it flows" || when === "when the source has ended") {
        source.push(new Uint8Array(3));
        await once(source, "data");
      }
      if (when === "when the source has ended") {
        source.push(null);
        await once(source, "end");
      }
      pipe.stop();
      assert.equal(pipe.state, "stopped");
      if (when !== "when the source has ended") assert.deepEqual([listenersOf(source), listenersOf(sink)], before);
      else assert.deepEqual([source.listenerCount("data"), sink.listenerCount("drain")], [0, 0]);
    });
  }

  it("removes all its listeners when it is done", async () => {
    const { source, sink, pipe, done } = joined(new QuickSink());
    const before = [listenersOf(source), listenersOf(sink)];
    pipe.start(NOTHING);
    source.push(null);
    await done;
    assert.deepEqual([listenersOf(source), listenersOf(sink)], before);
  });

  it("leaves both streams open when it is stopped", () => {
    const { source, sink, pipe } = joined(new QuickSink());
    pipe.start(NOTHING);
    pipe.stop();
    assert.deepEqual([source.destroyed, sink.destroyed, sink.writableEnded], [false, false, false]);
  });

  it("never says it is done after it was stopped", async () => {
    const { source, sink, pipe, events } = joined(new SlowSink());
    pipe.start(NOTHING);
    source.push(new Uint8Array(3));
    source.push(null);
    await once(source, "end");
    pipe.stop();
    sink.release();
    await once(sink, "finish");
    assert.deepEqual([events, pipe.state], [["end"], "stopped"]);
  });

  it("may be stopped twice", () => {
    const { pipe } = joined(new QuickSink());
    pipe.start(NOTHING);
    pipe.stop();
    pipe.stop();
    assert.equal(pipe.state, "stopped");
  });

  it("may be stopped by its own transform's failure, without reading on", async () => {
    let seen = 0;
    const made: Joined<QuickSink> = joined(new QuickSink(), {
      transform: () => {
        seen += 1;
        throw new Error("bad packet");
      },
      onError: () => made.pipe.stop(),
    });
    made.source.push(ascii("second"));
    made.pipe.start(ascii("first"));
    assert.deepEqual([seen, made.pipe.state, made.source.readableFlowing === true], [1, "stopped", false]);
  });

  it("never says it is done when the sink fails instead of finishing", async () => {
    const { source, sink, pipe, events } = joined(new SlowSink());
    sink.on("error", () => {});
    pipe.start(NOTHING);
    source.push(new Uint8Array(3));
    source.push(null);
    await once(source, "end");
    sink.destroy(new Error("reset"));
    await new Promise((resolve) => sink.once("close", resolve));
    assert.deepEqual([events, pipe.state], [["end"], "ended"]);
  });
});
