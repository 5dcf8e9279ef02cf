/** The counters of a route. */
import assert from "node:assert/strict";
import { RouteStats, record } from "../../../daemon/proxy/stats.ts";
import { TunnelError } from "../../../shared/errors.ts";

describe("RouteStats", () => {
  it("counts failures by code", () => {
    const stats = new RouteStats();
    for (const code of ["KEY_MISMATCH", "TRUNCATED", "KEY_MISMATCH"] as const) stats.fail(new TunnelError(code, code), 1);
    assert.deepEqual(
      [...stats.failures],
      [
        ["KEY_MISMATCH", 2],
        ["TRUNCATED", 1],
      ],
    );
  });

  it("remembers the last failure and when it was", () => {
    const stats = new RouteStats();
    stats.fail(new TunnelError("KEY_MISMATCH", "first"), 1);
    stats.fail(new TunnelError("TRUNCATED", "second"), 2);
    const { lastFailure } = stats;
    assert.deepEqual([lastFailure?.code, lastFailure?.message, lastFailure?.atMs], ["TRUNCATED", "second", 2]);
  });

  it("begins with nothing verified", () => {
    const stats = new RouteStats();
    assert.deepEqual([stats.keyVerifiedAtMs, stats.backendVerifiedAtMs, stats.lastFailure], [undefined, undefined, undefined]);
  });
});

describe("record", () => {
  it("keeps count, last, sum and most", () => {
    const timing = { count: 0, lastMs: 0, totalMs: 0, maxMs: 0 };
    for (const ms of [5, 9, 2]) record(timing, ms);
    assert.deepEqual(timing, { count: 3, lastMs: 2, totalMs: 16, maxMs: 9 });
  });
});
