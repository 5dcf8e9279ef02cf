/**
 * Counters of one route: what the state of a tunnel, its log and the metrics are
 * made of. Times are milliseconds; `…At` are wall-clock (Unix epoch), durations monotonic.
 */
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";

/** Wall clock and stop-watch, injected. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Durations of one kind. */
export interface Timing {
  count: number;
  lastMs: number;
  totalMs: number;
  maxMs: number;
}

/** A failure as it is remembered. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly atMs: number;
  /** How often it has come in a row, with no success between. */
  readonly count: number;
}

/** The counters of one route; plain data, changed in place by its connections. */
export class RouteStats {
  /** Connections that carry data or are about to, now. */
  open = 0;
  /** Handshakes and dials under way, now. */
  opening = 0;
  /** Connections accepted for this route since the start. */
  total = 0;
  /** Failures and refusals by code, since the start. */
  readonly failures = new Map<ErrorCode, number>();
  /** Plain bytes from the encrypted side to the plain side, and back. */
  plainInBytes = 0;
  plainOutBytes = 0;
  /** Encrypted bytes received and sent, handshakes included. */
  wireInBytes = 0;
  wireOutBytes = 0;
  readonly handshake: Timing = { count: 0, lastMs: 0, totalMs: 0, maxMs: 0 };
  readonly dial: Timing = { count: 0, lastMs: 0, totalMs: 0, maxMs: 0 };
  /** When the other end last proved that it holds the key (C5 or S4). */
  keyVerifiedAtMs: number | undefined;
  /** When the backend last said something. */
  backendVerifiedAtMs: number | undefined;
  lastFailure: Failure | undefined;
  /** How often each key was proved, and when last, by the name its route gives it: tells when an old key is out of use. */
  readonly keyUses = new Map<string, { readonly count: number; readonly lastAtMs: number }>();

  /** Counts a proof of the key of this name. */
  useKey(name: string, atMs: number): void {
    this.keyUses.set(name, { count: (this.keyUses.get(name)?.count ?? 0) + 1, lastAtMs: atMs });
  }

  /** Counts a failure. */
  fail(error: TunnelError, atMs: number): void {
    this.failures.set(error.code, (this.failures.get(error.code) ?? 0) + 1);
    const last = this.lastFailure;
    const again = last?.code === error.code && last.atMs >= this.verifiedAtMs;
    this.lastFailure = { code: error.code, message: error.message, atMs, count: again ? last.count + 1 : 1 };
  }

  /** When the other end or the backend last proved itself; 0 for never. */
  get verifiedAtMs(): number {
    return Math.max(this.keyVerifiedAtMs ?? 0, this.backendVerifiedAtMs ?? 0);
  }
}

/** Adds one duration. */
export function record(timing: Timing, ms: number): void {
  timing.count += 1;
  timing.lastMs = ms;
  timing.totalMs += ms;
  timing.maxMs = Math.max(timing.maxMs, ms);
}
