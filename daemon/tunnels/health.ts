/**
 * What the evidence so far says of an open tunnel. A failure degrades it until
 * the very thing that failed has been proved again: a key is proved by a
 * handshake, a backend only by what it says.
 *
 *     listening ──key──► key-verified ──backend──► verified
 *          └──────────────────┴──failure──► degraded ──proof──► as above
 */
import type { TunnelState } from "../../shared/contract/state.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { Role } from "../protocol/wire.ts";
import type { RouteStats } from "../proxy/stats.ts";

/** Failures on the way to the backend: the only ones that a server end can report. */
const OF_THE_TARGET: readonly ErrorCode[] = ["DNS_FAILED", "CONNECT_REFUSED", "CONNECT_TIMEOUT", "CONNECT_UNREACHABLE", "BACKEND_DOWN", "BACKEND_BLOCKED"];
/** Failures that say something about the far side of a client; the others concern this machine or a single connection. */
const OF_THE_FAR_SIDE: readonly ErrorCode[] = [
  ...OF_THE_TARGET,
  "PEER_CLOSED",
  "NOT_SPIPED",
  "HANDSHAKE_TIMEOUT",
  "KEY_MISMATCH",
  "PEER_MAC_INVALID",
  "FORWARD_SECRECY_REFUSED",
  "WIRE_REFUSED",
  "TARGET_REFUSED",
  "RECORD_INVALID",
];
const OF_THE_BACKEND: readonly ErrorCode[] = ["BACKEND_DOWN", "BACKEND_BLOCKED"];

/** See the file's header. */
export class Health {
  readonly #codes: ReadonlySet<ErrorCode>;
  readonly #role: Role;
  #fault: { readonly code: ErrorCode; readonly atMs: number } | undefined;

  constructor(role: Role) {
    this.#role = role;
    this.#codes = new Set(role === "client" ? OF_THE_FAR_SIDE : OF_THE_TARGET);
  }

  /** Something failed at `atMs` (wall clock). */
  failed(code: ErrorCode, atMs: number): void {
    if (this.#codes.has(code)) this.#fault = { code, atMs };
  }

  /** The other end proved the key, or the backend said something. */
  verified(what: "key" | "backend"): void {
    if (what === "backend" || !this.#needsBackend) this.#fault = undefined;
  }

  /** The state of a tunnel that is open and has these counters; live traffic since the failure is evidence, too. */
  stateOf({ keyVerifiedAtMs, backendVerifiedAtMs }: RouteStats): Extract<TunnelState, "listening" | "key-verified" | "verified" | "degraded"> {
    if (this.#fault && backendVerifiedAtMs !== undefined && backendVerifiedAtMs > this.#fault.atMs) this.#fault = undefined;
    if (this.#fault) return "degraded";
    if (backendVerifiedAtMs !== undefined) return "verified";
    return keyVerifiedAtMs === undefined ? "listening" : "key-verified";
  }

  /** A server's peers prove their keys whatever its backend does, so a proof of the key does not clear its fault. */
  get #needsBackend(): boolean {
    return this.#fault !== undefined && (this.#role === "server" || OF_THE_BACKEND.includes(this.#fault.code));
  }
}
