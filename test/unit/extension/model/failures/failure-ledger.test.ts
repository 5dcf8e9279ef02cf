/** Which failures are worth a notification. */
import assert from "node:assert/strict";
import { FailureLedger } from "../../../../../extension/model/failures/failure-ledger.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import type { TunnelState } from "../../../../../shared/contract/state.ts";
import type { ErrorCode } from "../../../../../shared/errors.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";

const failing = (code: ErrorCode, state: TunnelState = "degraded", more: Partial<TunnelItem> = {}): TunnelItem =>
  tunnelItem({ status: { state, lastFailure: { code, message: "why", atMs: 1, count: 1 } }, more });
const working = (state: TunnelState = "verified", more: Partial<TunnelItem> = {}): TunnelItem => tunnelItem({ status: { state }, more });
const pending = { at: "pending", facts: approvedFacts({ approvedBefore: true }) } as const;

describe("the ledger of failures", () => {
  let ledger: FailureLedger;
  let nowMs: number;

  beforeEach(() => {
    ledger = new FailureLedger();
    nowMs = 0;
  });

  /** Looks at each item, and again after the item's state has lasted. */
  function told(...items: readonly TunnelItem[]): string[] {
    const codes: string[] = [];
    for (const item of items) {
      for (const passedMs of [0, 2_000]) {
        nowMs += passedMs;
        codes.push(...ledger.look([item], nowMs).due.map(({ failure }) => failure.code));
      }
    }
    return codes;
  }

  it("tells once about a tunnel that stops working", () => {
    assert.deepEqual(told(working(), failing("BACKEND_DOWN"), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("tells about a tunnel that already fails when the window opens", () => {
    assert.deepEqual(told(failing("CONNECT_REFUSED")), ["CONNECT_REFUSED"]);
  });

  it("tells again after the tunnel has recovered", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), working(), failing("BACKEND_DOWN")), ["BACKEND_DOWN", "BACKEND_DOWN"]);
  });

  it("does not count listening as a recovery of the far side", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), working("listening"), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("counts listening as a recovery from a failure to open the port", () => {
    const busy = failing("LISTEN_IN_USE", "port-busy");
    assert.deepEqual(told(busy, working("listening"), busy), ["LISTEN_IN_USE", "LISTEN_IN_USE"]);
  });

  it("does not count a lost daemon as a recovery", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), tunnelItem({ status: null }), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("tells each new reason, and none twice", () => {
    const [refused, late] = [failing("CONNECT_REFUSED"), failing("CONNECT_TIMEOUT")];
    assert.deepEqual(told(refused, late, refused, late), ["CONNECT_REFUSED", "CONNECT_TIMEOUT"]);
  });

  it("waits a moment, and says for how long", () => {
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 0), { due: [], againInMs: 1_500 });
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 1_000), { due: [], againInMs: 500 });
    assert.equal(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 1_500).due.length, 1);
  });

  it("does not tell a failure that lasts less than a moment", () => {
    ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 0);
    ledger.look([working()], 1_000);
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 2_000), { due: [], againInMs: 1_500 });
  });

  it("does not tell a failure that an action has met", () => {
    assert.deepEqual(told(working("verified", { busy: true }), failing("KEY_MISMATCH"), failing("KEY_MISMATCH")), []);
  });

  it("tells a failure that comes after a successful action", () => {
    assert.deepEqual(told(working("verified", { busy: true }), working(), failing("KEY_MISMATCH")), ["KEY_MISMATCH"]);
  });

  it("does not tell a failure of a tunnel that this window does not want", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN", "degraded", { wanted: false })), []);
  });

  it("leaves a tunnel that was never open and waits for approval to the question", () => {
    assert.deepEqual(told(failing("NOT_APPROVED", "not-approved")), []);
  });

  it("tells about a tunnel that was open and is no longer approved", () => {
    assert.deepEqual(told(working(), failing("NOT_APPROVED", "not-approved")), ["NOT_APPROVED"]);
  });

  it("tells once that the entry has changed while its old form keeps running", () => {
    const changed = working("verified", { approval: pending });
    assert.deepEqual(told(working(), changed, changed, working(), changed), ["NOT_APPROVED", "NOT_APPROVED"]);
  });

  it("tells several failures at once", () => {
    const items = [failing("BACKEND_DOWN"), { ...failing("BACKEND_DOWN"), name: "other" }];
    ledger.look(items, 0);
    assert.deepEqual(
      ledger.look(items, 2_000).due.map(({ name }) => name),
      ["cache", "other"],
    );
  });

  it("forgets a tunnel that is gone", () => {
    told(failing("BACKEND_DOWN"));
    ledger.look([], nowMs);
    assert.deepEqual(told(failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });
});
