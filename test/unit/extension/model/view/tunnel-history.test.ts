/** What has happened to a tunnel. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import { historyFacts, type TunnelEvent, TunnelHistory } from "../../../../../extension/model/view/tunnel-history.ts";
import type { TunnelState, TunnelStatus } from "../../../../../shared/contract/state.ts";
import { tunnelStatus } from "../../../../support/status.ts";

const WRONG_KEY = { code: "KEY_MISMATCH", message: "", atMs: 1, count: 1 } as const;

/** The history of a tunnel that was in these states, a second after one another. */
function historyOf(...states: readonly (TunnelState | TunnelStatus | undefined)[]): TunnelEvent[] {
  const history = new TunnelHistory();
  for (const [index, state] of states.entries()) {
    const atMs = (index + 1) * 1_000;
    history.take(typeof state === "string" ? tunnelStatus({ state, sinceMs: atMs }) : state, atMs);
  }
  return [...history.events].reverse();
}
const kinds = (...states: readonly (TunnelState | TunnelStatus | undefined)[]): string[] => historyOf(...states).map(({ kind }) => kind);

describe("the history of a tunnel", () => {
  it("has what happened in its life", () => {
    const states = ["closed", "opening", "listening", "key-verified", "verified", "degraded", "verified", "closed"] as const;
    assert.deepEqual(kinds(...states), ["opened", "verified", "lost", "recovered", "closed"]);
  });

  it("has the time of each, why it was lost and for how long", () => {
    const lost = tunnelStatus({ state: "degraded", sinceMs: 3_000, lastFailure: WRONG_KEY });
    assert.deepEqual(historyOf("listening", "verified", lost, "listening", "verified"), [
      { kind: "opened", atMs: 1_000 },
      { kind: "verified", atMs: 2_000 },
      { kind: "lost", atMs: 3_000, code: "KEY_MISMATCH" },
      { kind: "recovered", atMs: 5_000, lostForMs: 2_000 },
    ]);
  });

  it("calls what never worked failed, and its first success no recovery", () => {
    assert.deepEqual(kinds("listening", "degraded", "verified"), ["opened", "failed", "verified"]);
    assert.deepEqual(kinds("verified", "closed", "listening", "degraded"), ["verified", "closed", "opened", "failed"]);
  });

  it("has nothing of what stays as it is, and of a tunnel that was always closed", () => {
    assert.deepEqual(kinds("closed", undefined, "closed"), []);
    assert.deepEqual(kinds("verified", "verified", "key-verified", "verified", "listening", "verified"), ["verified"]);
    assert.deepEqual(kinds("verified", "draining", "closed", undefined), ["verified", "closed"]);
  });

  it("keeps the last hundred", () => {
    const states = Array.from({ length: 300 }, (_, index) => (index % 2 === 0 ? "verified" : "degraded") as TunnelState);
    const events = historyOf(...states);
    assert.deepEqual([events.length, events.at(-1)?.atMs], [100, 300_000]);
  });

  it("is a row with the newest event, and under it one for each", () => {
    const events = historyOf("listening", "verified", tunnelStatus({ state: "degraded", sinceMs: 3_000, lastFailure: WRONG_KEY }), "verified").reverse();
    const [row, ...more] = historyFacts(events, { t: english, nowMs: 8_000 });
    assert.deepEqual([row?.label, row?.description, more.length], ["History", "recovered, 4 s ago", 0]);
    assert.deepEqual(
      row?.children?.map(({ description }) => description),
      ["recovered after 1 s", "lost: wrong key", "verified", "opened"],
    );
    for (const child of row?.children ?? []) assert.match(child.label, /^\d\d:\d\d:0\d$/);
    assert.equal(new Set(row?.children?.map(({ id }) => id)).size, 4);
  });

  it("has the day of what was not today", () => {
    const [row] = historyFacts([{ kind: "opened", atMs: 0 }], { t: english, nowMs: 10 * 86_400_000 });
    assert.match(row?.children?.[0]?.label ?? "", /^19(69|70)-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });

  it("is no row while there is none", () => {
    assert.deepEqual(historyFacts([], { t: english, nowMs: 1 }), []);
  });
});
