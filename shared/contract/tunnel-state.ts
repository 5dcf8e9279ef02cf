/**
 * What a tunnel's state means to those who want to use it. Kept apart from the
 * schema, which a command need not load at start-up.
 */
import type { TunnelState } from "./state.ts";

/** Whether its port takes connections. */
export function isListening(state: TunnelState): boolean {
  switch (state) {
    case "listening":
    case "key-verified":
    case "verified":
    case "reconnecting":
    case "degraded":
      return true;
    case "closed":
    case "waiting-for-key":
    case "not-approved":
    case "port-busy":
    case "opening":
    case "draining":
      return false;
  }
}
