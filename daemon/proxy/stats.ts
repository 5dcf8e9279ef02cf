/**
 * Counters of one route, for the state of a tunnel, its log and the metrics.
 * Times are milliseconds; `…At` are wall-clock (Unix epoch), durations monotonic.
 */
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import type { Message } from "../../shared/message.ts";
import type { Wire } from "../protocol/wire.ts";

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
  readonly reason?: Message;
  readonly atMs: number;
  /** How often the failure has come in a row, with no success between. */
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
  /** Which wire the other end spoke the last time; undefined: no handshake has ended well yet. */
  wire: Wire | undefined;
  lastFailure: Failure | undefined;
  /** Sessions of the native wire: there now, of these without a connection now; taken up and lost after a cut, since the start. */
  readonly sessions = { open: 0, waiting: 0, resumed: 0, gone: 0 };
  /** How often each key was proved, and when last, by the key's name in its route: shows when an old key is out of use. */
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
    this.lastFailure = { code: error.code, message: error.message, ...(error.reason && { reason: error.reason }), atMs, count: again ? last.count + 1 : 1 };
  }

  /** When the other end or the backend last proved itself; 0 for never. */
  get verifiedAtMs(): number {
    return Math.max(this.keyVerifiedAtMs ?? 0, this.backendVerifiedAtMs ?? 0);
  }
}

/** Counts bytes that went over the wire each way. */
export function countWire(counters: Pick<RouteStats, "wireInBytes" | "wireOutBytes">, inBytes: number, outBytes: number): void {
  counters.wireInBytes += inBytes;
  counters.wireOutBytes += outBytes;
}

/** Adds one duration. */
export function record(timing: Timing, ms: number): void {
  timing.count += 1;
  timing.lastMs = ms;
  timing.totalMs += ms;
  timing.maxMs = Math.max(timing.maxMs, ms);
}

/**
 * Sums the counters of a tunnel over all its settings, newest last. Connections that began with older settings go on counting
 * in theirs, so that they are no evidence for the new. Evidence (verified, last failure) is taken only from the newest.
 */
export function sumOf(all: readonly RouteStats[]): RouteStats {
  const [only] = all;
  if (all.length === 1 && only) return only;
  const sum = new RouteStats();
  for (const one of all) {
    sum.open += one.open;
    sum.opening += one.opening;
    sum.total += one.total;
    sum.plainInBytes += one.plainInBytes;
    sum.plainOutBytes += one.plainOutBytes;
    sum.wireInBytes += one.wireInBytes;
    sum.wireOutBytes += one.wireOutBytes;
    for (const [code, count] of one.failures) sum.failures.set(code, (sum.failures.get(code) ?? 0) + count);
    for (const [name, use] of one.keyUses) {
      const before = sum.keyUses.get(name);
      sum.keyUses.set(name, { count: use.count + (before?.count ?? 0), lastAtMs: Math.max(use.lastAtMs, before?.lastAtMs ?? 0) });
    }
    for (const what of ["open", "waiting", "resumed", "gone"] as const) sum.sessions[what] += one.sessions[what];
    addTiming(sum.handshake, one.handshake);
    addTiming(sum.dial, one.dial);
  }
  const newest = all.at(-1);
  sum.keyVerifiedAtMs = newest?.keyVerifiedAtMs;
  sum.backendVerifiedAtMs = newest?.backendVerifiedAtMs;
  sum.wire = newest?.wire;
  sum.lastFailure = newest?.lastFailure;
  return sum;
}

function addTiming(sum: Timing, more: Timing): void {
  sum.count += more.count;
  sum.totalMs += more.totalMs;
  sum.maxMs = Math.max(sum.maxMs, more.maxMs);
  if (more.count > 0) sum.lastMs = more.lastMs;
}
