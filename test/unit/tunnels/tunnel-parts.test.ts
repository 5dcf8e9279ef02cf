/** The small parts of a tunnel: health, hold-off, counters. */
import assert from "node:assert/strict";
import { RouteStats, sumOf } from "../../../daemon/proxy/stats.ts";
import { Health } from "../../../daemon/tunnels/health.ts";
import { HoldOff } from "../../../daemon/tunnels/hold-off.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";

function statsOf(values: Partial<RouteStats>): RouteStats {
  return Object.assign(new RouteStats(), values);
}

describe("the health of a tunnel", () => {
  const verified = statsOf({ keyVerifiedAtMs: 1, backendVerifiedAtMs: 1 });

  it("is restored by a proof of the thing that failed", () => {
    const health = new Health("client");
    health.failed("CONNECT_REFUSED", 5);
    assert.equal(health.stateOf(verified), "degraded");
    health.verified("key");
    assert.equal(health.stateOf(verified), "verified");
    health.failed("BACKEND_DOWN", 5);
    health.verified("key");
    assert.equal(health.stateOf(verified), "degraded");
    health.verified("backend");
    assert.equal(health.stateOf(verified), "verified");
  });

  it("does not suffer from failures of this machine or of a single connection", () => {
    for (const code of ["LIMIT_REACHED", "TRUNCATED", "PLAIN_CLIENT"] as const) {
      const health = new Health("client");
      health.failed(code, 5);
      assert.equal(health.stateOf(verified), "verified");
    }
  });

  it("of a server does not suffer from its clients", () => {
    const health = new Health("server");
    health.failed("RECORD_INVALID", 5);
    assert.equal(health.stateOf(verified), "verified");
  });

  it("does not depend on the clock: a failure counts even if the clock was set back", () => {
    const health = new Health("client");
    health.failed("CONNECT_REFUSED", -3_600_000);
    assert.equal(health.stateOf(statsOf({ keyVerifiedAtMs: 1 })), "degraded");
  });
});

describe("holding off after a wrong key", () => {
  const mismatch = (): TunnelError => new TunnelError("KEY_MISMATCH", "another key");

  function holdOff(random = 0): { readonly hold: HoldOff; readonly time: FakeTime } {
    const time = new FakeTime();
    return { time, hold: new HoldOff({ clock: time, random: (count) => new Uint8Array(count).fill(random) }) };
  }

  it("doubles from one second to thirty, and no further", () => {
    const { hold, time } = holdOff();
    const lengths = Array.from({ length: 8 }, () => {
      hold.start(mismatch());
      const startMs = time.monotonicMs();
      while (hold.reason) time.pass(250);
      return time.monotonicMs() - startMs;
    });
    assert.deepEqual(lengths, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it("is jittered upwards by up to a quarter", () => {
    const { hold, time } = holdOff(255);
    hold.start(mismatch());
    time.pass(1_200);
    assert.equal(hold.reason?.code, "KEY_MISMATCH");
    time.pass(50);
    assert.equal(hold.reason, undefined);
  });

  it("is not made longer by connections that it turns away", () => {
    const { hold, time } = holdOff();
    hold.start(mismatch());
    for (let count = 0; count < 100; count += 1) if (hold.reason) hold.start(hold.reason);
    time.pass(1_000);
    assert.equal(hold.reason, undefined);
  });

  it("starts short again once the key was proved", () => {
    const { hold, time } = holdOff();
    for (let count = 0; count < 4; count += 1) hold.start(mismatch());
    hold.end({ forget: true });
    assert.equal(hold.reason, undefined);
    hold.start(mismatch());
    time.pass(1_000);
    assert.equal(hold.reason, undefined);
  });
});

describe("the counters of a tunnel", () => {
  it("are summed over all its settings, while the evidence is that of the newest", () => {
    const timing = { count: 1, lastMs: 4, totalMs: 4, maxMs: 4 };
    const old = statsOf({ open: 1, total: 2, plainInBytes: 3, keyVerifiedAtMs: 9, failures: new Map([["BACKEND_DOWN", 2]]), dial: timing });
    const now = statsOf({ open: 1, total: 1, plainInBytes: 1, failures: new Map([["BACKEND_DOWN", 1]]) });
    const sum = sumOf([old, now]);
    assert.deepEqual([sum.open, sum.total, sum.plainInBytes, sum.keyVerifiedAtMs, [...sum.failures]], [2, 3, 4, undefined, [["BACKEND_DOWN", 3]]]);
    assert.deepEqual([sum.dial, sum.handshake.count], [timing, 0]);
  });
});
