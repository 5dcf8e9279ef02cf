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

  /** Each item is looked at, and again after it has lasted. */
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

  it("tells once of a tunnel that turns bad", () => {
    assert.deepEqual(told(working(), failing("BACKEND_DOWN"), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("tells of one that is bad when the window comes", () => {
    assert.deepEqual(told(failing("CONNECT_REFUSED")), ["CONNECT_REFUSED"]);
  });

  it("tells again after it has recovered", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), working(), failing("BACKEND_DOWN")), ["BACKEND_DOWN", "BACKEND_DOWN"]);
  });

  it("does not take listening for a recovery of the far side", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), working("listening"), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("takes listening for a recovery of what keeps a port from opening", () => {
    const busy = failing("LISTEN_IN_USE", "port-busy");
    assert.deepEqual(told(busy, working("listening"), busy), ["LISTEN_IN_USE", "LISTEN_IN_USE"]);
  });

  it("does not take a lost daemon for a recovery", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN"), tunnelItem({ status: null }), failing("BACKEND_DOWN")), ["BACKEND_DOWN"]);
  });

  it("tells of each new reason, and of none twice", () => {
    const [refused, late] = [failing("CONNECT_REFUSED"), failing("CONNECT_TIMEOUT")];
    assert.deepEqual(told(refused, late, refused, late), ["CONNECT_REFUSED", "CONNECT_TIMEOUT"]);
  });

  it("waits a moment, and says how long", () => {
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 0), { due: [], againInMs: 1_500 });
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 1_000), { due: [], againInMs: 500 });
    assert.equal(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 1_500).due.length, 1);
  });

  it("tells nothing of what lasts for less than a moment", () => {
    ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 0);
    ledger.look([working()], 1_000);
    assert.deepEqual(ledger.look([failing("KEY_NOT_FOUND", "waiting-for-key")], 2_000), { due: [], againInMs: 1_500 });
  });

  it("tells nothing of what an action has run into", () => {
    assert.deepEqual(told(working("verified", { busy: true }), failing("KEY_MISMATCH"), failing("KEY_MISMATCH")), []);
  });

  it("tells of what comes after an action that went well", () => {
    assert.deepEqual(told(working("verified", { busy: true }), working(), failing("KEY_MISMATCH")), ["KEY_MISMATCH"]);
  });

  it("tells nothing of what this window does not want", () => {
    assert.deepEqual(told(failing("BACKEND_DOWN", "degraded", { wanted: false })), []);
  });

  it("leaves to the question what was never open and waits for approval", () => {
    assert.deepEqual(told(failing("NOT_APPROVED", "not-approved")), []);
  });

  it("tells of one that was open and is not approved any more", () => {
    assert.deepEqual(told(working(), failing("NOT_APPROVED", "not-approved")), ["NOT_APPROVED"]);
  });

  it("tells once that the entry has changed while its old form keeps running", () => {
    const changed = working("verified", { approval: pending });
    assert.deepEqual(told(working(), changed, changed, working(), changed), ["NOT_APPROVED", "NOT_APPROVED"]);
  });

  it("tells of several at once", () => {
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
