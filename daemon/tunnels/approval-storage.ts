/** Approvals as a part of what the daemon remembers. */
import type { ApprovalChange, ApprovalStorage } from "./approvals.ts";
import type { DaemonState, StateChange, StateStore } from "./daemon-state.ts";

/** Keeps approvals in the state of `store`. */
export function approvalStorage(store: StateStore): ApprovalStorage {
  const inState =
    (change: ApprovalChange): StateChange =>
    (state) => {
      const approvals = change(state.approvals);
      return approvals === state.approvals ? state : { ...state, approvals: approvals as DaemonState["approvals"] };
    };
  return {
    load: () => store.state.approvals,
    commit: (change) => store.commit(inState(change)),
    update: (change) => store.update(inState(change), { isTaken: true }),
  };
}
