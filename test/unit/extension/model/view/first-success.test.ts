/** What is said when a tunnel works for the first time. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import { successText } from "../../../../../extension/model/view/first-success.ts";
import type { TunnelStatus } from "../../../../../shared/contract/state.ts";
import { tunnelStatus } from "../../../../support/status.ts";

const TIMES = { dial: { count: 1, lastMs: 4.2, maxMs: 4.2, totalMs: 4.2 }, handshake: { count: 1, lastMs: 8, maxMs: 8, totalMs: 8 } };
const said = (more: Partial<TunnelStatus>): string | undefined => successText(tunnelStatus({ ...TIMES, ...more }), english);

describe("the first success of a tunnel", () => {
  it("says where it is, what answered and how fast", () => {
    assert.equal(said({ state: "verified" }), "cache works at 127.0.0.1:6579: Redis answered, connected in 12 ms.");
    assert.match(said({ state: "verified", service: "mysql" }) ?? "", /MySQL answered/);
  });

  it("claims no more than was seen", () => {
    for (const more of [{ state: "key-verified" }, { state: "verified", service: "tcp" }] as const) {
      assert.equal(said(more), "cache works at 127.0.0.1:6579: the far end has the key, connected in 12 ms.");
    }
    for (const state of ["listening", "degraded", "opening", "closed"] as const) assert.equal(said({ state }), undefined);
  });

  it("is a short notification, however long the names are", () => {
    for (const state of ["verified", "key-verified"] as const) {
      const text = said({ state, name: "n".repeat(64), listen: `/run/${"s".repeat(100)}` }) ?? "";
      assert.ok(text.length <= 140, `${text.length}: ${text}`);
    }
  });
});
