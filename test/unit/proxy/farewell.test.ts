/** How a side of a broken connection is ended: what is written, what is waited for, and whether it is a reset. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { mock } from "node:test";
import { Farewell, type StreamInto } from "../../../daemon/proxy/farewell.ts";
import type { PlainSide } from "../../../daemon/proxy/plain-side.ts";

/** A side without a network: takes what is written when `accept` is called. */
class Side implements PlainSide {
  readonly source = new PassThrough();
  readonly sink = new PassThrough({ highWaterMark: 1 });
  readonly ends: string[] = [];
  destroy(): void {
    this.ends.push("closed");
  }
  reset(): void {
    this.ends.push("reset");
  }
  tune(): void {}
}

function farewell(side: Side, streamInto: StreamInto, wasWritten = true): { readonly parting: Farewell; readonly closed: Promise<void> } {
  let onClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  return { parting: new Farewell({ side, streamInto, wasWritten, onClosed }), closed };
}

describe("Farewell", () => {
  it("resets a side at once when nothing was ever written to it", () => {
    const side = new Side();
    farewell(side, "open", false).parting.start();
    assert.deepEqual(side.ends, ["reset"]);
  });

  it("resets a side whose stream is incomplete only after its queue is written", async () => {
    const side = new Side();
    side.sink.write("one");
    side.sink.write("two");
    const { parting, closed } = farewell(side, "open");
    parting.start();
    assert.deepEqual(side.ends, []);
    side.sink.resume();
    await closed;
    assert.deepEqual([side.ends, side.sink.writableLength], [["reset"], 0]);
  });

  it("resets a side that no longer takes data, after a while", async () => {
    const side = new Side();
    side.sink.write("never read");
    side.sink.write("nor this");
    const { parting, closed } = farewell(side, "open");
    parting.start();
    await closed;
    assert.deepEqual(side.ends, ["reset"]);
    assert.notEqual(side.sink.writableLength, 0);
  });

  it("closes a side whose stream is whole and written", () => {
    const side = new Side();
    farewell(side, "done").parting.start();
    assert.deepEqual(side.ends, ["closed"]);
  });

  it("closes a side whose stream is whole only after its end is written", async () => {
    const side = new Side();
    side.sink.write("last");
    side.sink.end();
    const { parting, closed } = farewell(side, "ended");
    parting.start();
    assert.deepEqual(side.ends, []);
    side.sink.resume();
    await closed;
    assert.deepEqual(side.ends, ["closed"]);
  });

  it("resets at once when it is cut while a whole stream is not written yet", () => {
    const side = new Side();
    side.sink.write("last");
    side.sink.write("of all");
    side.sink.end();
    const { parting } = farewell(side, "ended");
    parting.start();
    parting.cut();
    assert.deepEqual(side.ends, ["reset"]);
  });

  it("reads no more from a side that it ends", () => {
    const side = new Side();
    side.source.resume();
    farewell(side, "open").parting.start();
    assert.equal(side.source.isPaused(), true);
  });

  it("closes a side once, and does not report it after a cut", async () => {
    const side = new Side();
    const { parting, closed } = farewell(side, "open");
    parting.start();
    parting.cut();
    parting.cut();
    assert.deepEqual(side.ends, ["reset"]);
    const told = await Promise.race([closed.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
    assert.equal(told, false);
  });
});

describe("Farewell of a side that takes nothing for some time", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  /** Its queue is full, and its reader has stopped. */
  function stopped(streamInto: "open" | "ended"): Side {
    const side = new Side();
    side.sink.write("last");
    side.sink.write("of all");
    if (streamInto === "ended") side.sink.end();
    farewell(side, streamInto).parting.start();
    return side;
  }

  it("waits longer for a whole stream than for a part: a slow reader gets the whole stream, as without a tunnel", () => {
    const [part, whole] = [stopped("open"), stopped("ended")];
    mock.timers.tick(10_000);
    assert.deepEqual([part.ends, whole.ends], [["reset"], []]);
  });

  it("does not wait for ever for a whole stream", () => {
    const side = stopped("ended");
    mock.timers.tick(60_000);
    assert.deepEqual(side.ends, ["reset"]);
  });
});
