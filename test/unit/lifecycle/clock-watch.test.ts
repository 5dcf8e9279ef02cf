/** Waking up, and ending when nobody needs the daemon, with clocks that the test moves. */
import assert from "node:assert/strict";
import { type Wake, watchClock } from "../../../daemon/lifecycle/clock-watch.ts";
import { type IdleExitOptions, watchIdle } from "../../../daemon/lifecycle/idle.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";

const HOUR_MS = 3_600_000;

describe("watching the clock", () => {
  let time: FakeTime;
  let wakes: Wake[];

  beforeEach(() => {
    time = new FakeTime();
    wakes = [];
    watchClock({ clock: time, timers: time, onWake: (wake) => wakes.push(wake) });
  });

  it("reports nothing while time passes normally", () => {
    time.pass(HOUR_MS);
    assert.deepEqual(wakes, []);
  });

  it("notices a sleep within seconds, once", () => {
    time.pass(10_000);
    time.sleep(HOUR_MS);
    time.pass(2_000);
    time.pass(HOUR_MS);
    assert.deepEqual(wakes, [{ reason: "clock-jump", jumpMs: HOUR_MS }]);
  });

  it("notices a clock that was set back", () => {
    time.sleep(-HOUR_MS);
    time.pass(2_000);
    assert.deepEqual(wakes, [{ reason: "clock-jump", jumpMs: -HOUR_MS }]);
  });

  it("ignores a jump of up to 30 s", () => {
    time.sleep(30_000);
    time.pass(2_000);
    assert.deepEqual(wakes, []);
  });

  it("notices that the process was stopped while both clocks went on", () => {
    time.stall(60_000);
    assert.deepEqual(wakes, [{ reason: "timer-gap", jumpMs: 58_000 }]);
  });

  it("stops when it is disposed of", () => {
    const dispose = watchClock({ clock: time, timers: time, onWake: () => assert.fail("disposed of") });
    const before = time.pending;
    dispose();
    assert.equal(time.pending, before - 1);
  });
});

describe("the idle exit", () => {
  let time: FakeTime;
  let ended: number;
  let needed: boolean;

  beforeEach(() => {
    time = new FakeTime();
    ended = 0;
    needed = false;
  });

  function watch(changes: Partial<IdleExitOptions> = {}): ReturnType<typeof watchIdle> {
    return watchIdle({
      idleMs: 60_000,
      checkMs: 1_000,
      clock: time,
      timers: time,
      isNeeded: () => needed,
      onIdle: () => {
        ended += 1;
      },
      ...changes,
    });
  }

  it("comes once, when nobody has needed the daemon for the idle time", () => {
    watch();
    time.pass(59_000);
    assert.equal(ended, 0);
    time.pass(1_000);
    assert.equal(ended, 1);
    time.pass(HOUR_MS);
    assert.deepEqual([ended, time.pending], [1, 0]);
  });

  it("never comes while somebody needs the daemon", () => {
    needed = true;
    watch();
    time.pass(HOUR_MS);
    assert.equal(ended, 0);
  });

  it("counts from the moment the last client left", () => {
    watch();
    time.pass(50_000);
    needed = true;
    time.pass(1_000);
    needed = false;
    time.pass(59_000);
    assert.equal(ended, 0);
    time.pass(1_000);
    assert.equal(ended, 1);
  });

  it("starts again from zero after a client that came and left between two looks", () => {
    const idle = watch();
    time.pass(59_500);
    idle.touch();
    time.pass(59_500);
    assert.equal(ended, 0);
    time.pass(1_500);
    assert.equal(ended, 1);
  });

  it("does not count sleep", () => {
    watch();
    time.pass(10_000);
    time.sleep(HOUR_MS);
    time.pass(1_000);
    assert.equal(ended, 0);
  });

  it("does not count time in which the process was stopped", () => {
    watch();
    time.pass(10_000);
    time.stall(HOUR_MS);
    assert.equal(ended, 0);
    time.pass(48_000);
    assert.equal(ended, 1);
  });

  it("does not come after the watch was disposed of", () => {
    watch().dispose();
    time.pass(HOUR_MS);
    assert.equal(ended, 0);
  });
});
