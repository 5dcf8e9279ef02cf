/** Clocks, timers and waits that double. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { Backoff, jittered, machineTimers, systemClock, timerMs } from "../../../shared/time.ts";

const HOUR_MS = 3_600_000;

describe("the machine's timers", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("wait as long as a timer can for a longer delay, and don't fire at once", () => {
    let fired = 0;
    const stops = [2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER].flatMap((delayMs) => {
      assert.equal(timerMs(delayMs), 2 ** 31 - 1);
      return [machineTimers.after(delayMs, () => (fired += 1)), machineTimers.every(delayMs, () => (fired += 1))];
    });
    mock.timers.tick(HOUR_MS);
    assert.equal(fired, 0);
    for (const stop of stops) stop();
  });
});

describe("systemClock", () => {
  it("gives the wall clock in milliseconds since the epoch", () => {
    const before = Date.now();
    const now = systemClock.wallMs();
    assert.ok(now >= before && now <= Date.now());
  });

  it("has a monotonic clock that never goes back", () => {
    const times = Array.from({ length: 100 }, () => systemClock.monotonicMs());
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });
});

describe("waits that double", () => {
  it("begin small, double up to their limit, and begin small again once it works", () => {
    const backoff = new Backoff({ first: 100, most: 500 });
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()], [100, 200, 400, 500, 500]);
    backoff.reset();
    assert.deepEqual([backoff.next(), backoff.next()], [100, 200]);
  });

  it("get up to a quarter more by chance", () => {
    assert.deepEqual([jittered(1_000, 0), jittered(1_000, 0.5), jittered(1_000, 1)], [1_000, 1_125, 1_250]);
  });
});
