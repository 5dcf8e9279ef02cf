/**
 * How a tunnel is told in words: its one line, its failure, and how bad its state is.
 */

import type { TunnelState, TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Output, Style } from "./output.ts";
import { type Cell, table } from "./table.ts";

/** How a state looks. */
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
    case "draining":
      return "yellow";
    case "closed":
      return "dim";
  }
}

/** What keeps an entry from being opened as it stands: a tunnel that still runs by its earlier form is told of it. */
const ENTRY_FAULTS: ReadonlySet<string> = new Set<ErrorCode>(["NOT_APPROVED", "CONFIG_INVALID", "KEY_NOT_FOUND", "KEY_PERMISSIONS", "KEY_WEAK"]);

/** The last failure, where it is why the tunnel is in its state, or what will keep it from opening the next time: a tunnel that works has left all others behind. */
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

/** Why a tunnel is not what was asked for, with its own code where it has one. */
export function failureOf({ name, state, lastFailure }: TunnelStatus): TunnelError {
  return lastFailure ? new TunnelError(lastFailure.code, `${name}: ${lastFailure.message}`) : new TunnelError("CONFIG_INVALID", `${name}: it is ${state}`);
}

/** Our choice: more names than this are counted instead. */
const MAX_NAMES = 10;

/** `a, b, c and 7 more`. */
export function nameList(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
