/** When a session writes: behind the callback, at the end of the turn, or a little later; and that it then makes things ahead. */
import assert from "node:assert/strict";
import { setImmediate as endOfTurn } from "node:timers/promises";
import { FlushPace } from "../../../daemon/proxy/flush-pace.ts";

describe("the pace of a session's writes", () => {
  let ready: number;
  let flushed: number;
  let idle: number;
  let pace: FlushPace;

  beforeEach(() => {
    [ready, flushed, idle] = [0, 0, 0];
    pace = new FlushPace({
      flush: () => {
        pace.flushes();
        flushed += 1;
        ready = 0;
      },
      readyStreams: () => ready,
      hasOutput: () => ready > 0,
      onIdle: () => {
        idle += 1;
      },
    });
  });
  afterEach(() => pace.stop());

  const has = (streams: number): void => {
    ready += streams;
    pace.soon();
  };
  const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

  it("writes behind the present callback what a stream alone has, once, and makes things ahead when the turn has ended", async () => {
    has(1);
    has(0);
    assert.equal(flushed, 0);
    await tick();
    assert.deepEqual([flushed, idle], [1, 0]);
    await endOfTurn();
    assert.deepEqual([flushed, idle], [1, 1]);
  });

  it("writes at the end of the turn what comes behind the first, and from then on all of a turn at its end", async () => {
    has(1);
    await tick();
    has(1);
    await tick();
    assert.equal(flushed, 1);
    await endOfTurn();
    assert.equal(flushed, 2);
    has(2);
    await tick();
    assert.equal(flushed, 2);
    await endOfTurn();
    assert.equal(flushed, 3);
  });

  it("takes a stream to be alone again after eight turns with one", async () => {
    has(1);
    await tick();
    has(1);
    await endOfTurn();
    for (let turn = 0; turn < 8; turn++) {
      has(1);
      await tick();
      assert.equal(flushed, 2 + turn, "at the end of the turn");
      await endOfTurn();
    }
    has(1);
    await tick();
    assert.equal(flushed, 11);
  });

  it("holds for one more turn, and takes along what comes meanwhile", async () => {
    pace.hold("next turn", () => has(1));
    await tick();
    await endOfTurn();
    assert.equal(flushed, 0);
    has(1);
    await tick();
    assert.equal(flushed, 0);
    await endOfTurn();
    await endOfTurn();
    assert.equal(flushed, 1);
  });

  it("holds for a moment, unless something else is written before", async () => {
    pace.hold("a moment", () => has(1));
    await tick();
    assert.equal(flushed, 0);
    has(1);
    await tick();
    assert.equal(flushed, 1);
    pace.hold("a moment", () => has(1));
    while (flushed < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it("is as before when what it holds throws", async () => {
    assert.throws(() => pace.hold("a moment", () => assert.fail("no stream can be opened")));
    has(1);
    await tick();
    assert.ok(flushed > 0);
  });

  it("does nothing once it is stopped", async () => {
    has(1);
    pace.hold("a moment", () => has(1));
    pace.stop();
    has(1);
    await endOfTurn();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([flushed, idle], [0, 0]);
  });
});
