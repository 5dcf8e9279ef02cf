/**
 * The counters of a tunnel over all its settings: connections that began with
 * older ones go on counting in theirs, so that they are no evidence for the new.
 */
import { RouteStats, type Timing } from "../proxy/stats.ts";

/** Sums `all`, newest last; what is evidence (verified, last failure) is the newest's alone. */
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
    addTiming(sum.handshake, one.handshake);
    addTiming(sum.dial, one.dial);
  }
  const newest = all.at(-1);
  sum.keyVerifiedAtMs = newest?.keyVerifiedAtMs;
  sum.backendVerifiedAtMs = newest?.backendVerifiedAtMs;
  sum.lastFailure = newest?.lastFailure;
  return sum;
}

function addTiming(sum: Timing, more: Timing): void {
  sum.count += more.count;
  sum.totalMs += more.totalMs;
  sum.maxMs = Math.max(sum.maxMs, more.maxMs);
  if (more.count > 0) sum.lastMs = more.lastMs;
}
