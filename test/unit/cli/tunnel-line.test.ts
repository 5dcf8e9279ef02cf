/** Which failures `status` shows. */
import assert from "node:assert/strict";
import { currentFailure } from "../../../daemon/cli/tunnel-line.ts";
import type { TunnelState } from "../../../shared/contract/state.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import { tunnelStatus } from "../../support/status.ts";

const shown = (state: TunnelState, code: ErrorCode): boolean =>
  currentFailure(tunnelStatus({ state, lastFailure: { code, message: "why", atMs: 0, count: 1 } })) !== undefined;

describe("the failure that is shown for a tunnel", () => {
  for (const code of ["NOT_APPROVED", "CONFIG_INVALID", "KEY_NOT_FOUND", "KEY_PERMISSIONS", "KEY_WEAK"] as const) {
    it(`is ${code} while the tunnel still runs in its entry's earlier form`, () => {
      for (const state of ["listening", "key-verified", "verified"] as const) assert.equal(shown(state, code), true, state);
    });
  }

  it("is not a past failure of a tunnel that works", () => {
    for (const code of ["CONNECT_REFUSED", "BACKEND_DOWN", "KEY_MISMATCH"] as const) assert.equal(shown("verified", code), false, code);
  });

  it("is the last one of a tunnel that does not work", () => {
    for (const state of ["degraded", "closed", "port-busy", "waiting-for-key"] as const) assert.equal(shown(state, "CONNECT_REFUSED"), true, state);
  });
});
