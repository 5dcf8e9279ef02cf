/**
 * How commands print a tunnel: its line, its failure, and the colour of its state.
 */

import type { TunnelState, TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Cell, type Output, type Style, table } from "./output.ts";

/** The style of a state. */
export function styleOf(state: TunnelState): Style {
  switch (state) {
    case "verified":
    case "key-verified":
      return "green";
    case "degraded":
    case "port-busy":
    case "not-approved":
    case "waiting-for-key":
      return "red";
    case "listening":
    case "opening":
    case "reconnecting":
    case "draining":
      return "yellow";
    case "closed":
      return "dim";
  }
}

/** Codes that keep an entry's present form from being opened. A tunnel that still runs in its earlier form shows them too. */
const ENTRY_FAULTS: ReadonlySet<string> = new Set<ErrorCode>(["NOT_APPROVED", "CONFIG_INVALID", "KEY_NOT_FOUND", "KEY_PERMISSIONS", "KEY_WEAK"]);

/** The last failure, if it explains the tunnel's state or will keep it from opening the next time. For a tunnel that works, other failures are past. */
export function currentFailure({ state, lastFailure }: TunnelStatus): TunnelStatus["lastFailure"] {
  return state === "degraded" || !isListening(state) || ENTRY_FAULTS.has(lastFailure?.code ?? "") ? lastFailure : undefined;
}

/** Lines such as `cache  listening  127.0.0.1:6579 → cache.example.com:6479`. */
export function tunnelLines(tunnels: readonly TunnelStatus[], output: Output): string[] {
  return table(
    tunnels.map(({ name, state, listen, target }): Cell[] => [
      { text: plainText(name) },
      { text: state, paint: (text) => output.paint(styleOf(state), text) },
      { text: `${plainText(listen)} → ${plainText(target)}` },
    ]),
  );
}

/** Why a tunnel is not in the wanted state, with the code of its failure if it has one. */
export function failureOf({ name, state, lastFailure }: TunnelStatus): TunnelError {
  return lastFailure ? new TunnelError(lastFailure.code, `${name}: ${lastFailure.message}`) : new TunnelError("CONFIG_INVALID", `${name}: it is ${state}`);
}

/** Our choice: names beyond this number are only counted. */
const MAX_NAMES = 10;

/** `a, b, c and 7 more`. */
export function nameList(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
