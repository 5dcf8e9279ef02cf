/** What a tunnel's state means to who wants to use it. Apart from the schema, which a command's start-up need not load. */
import type { TunnelState } from "./state.ts";

/** Whether its port takes connections. */
export function isListening(state: TunnelState): boolean {
  switch (state) {
    case "listening":
    case "key-verified":
    case "verified":
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
