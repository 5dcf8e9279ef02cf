/**
 * The requests that change what the daemon remembers. Sending one of them twice
 * has the same effect as once, so a client repeats a request that an old daemon
 * refused or did not answer because it was handing over.
 */
import type { MethodName } from "./methods.ts";

/** See the file's header. */
export const REMEMBERED: ReadonlySet<MethodName> = new Set([
  "tunnels/set",
  "tunnel/open",
  "tunnel/close",
  "tunnel/restart",
  "pin/add",
  "pin/remove",
  "approvals/grant",
  "approvals/revoke",
]);
