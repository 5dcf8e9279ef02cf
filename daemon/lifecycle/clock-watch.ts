/**
 * Notices that the machine slept, was paused or had its clock set: afterwards
 * addresses may be stale and connections dead, so the owner re-resolves and
 * re-arms keepalive. There are two signs: the wall clock moved away from the
 * monotonic clock (which stands still in sleep), or a timer fired far too late.
 */
import type { Clock, Dispose, Timers } from "../../shared/time.ts";

/** Our choice: longer than any pause of a loaded machine, shorter than any real sleep. */
const JUMP_MS = 30_000;
/** Our choice: how soon after waking the sleep is noticed. */
const CHECK_MS = 2_000;

/** What was noticed; `jumpMs` is how far the wall clock moved beyond the time that passed, or how late the timer was. */
export interface Wake {
  readonly reason: "clock-jump" | "timer-gap";
  readonly jumpMs: number;
}

/** What the watch needs. */
export interface ClockWatchOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly onWake: (wake: Wake) => void;
}

/** Starts to watch; the caller owns the result. */
export function watchClock({ clock, timers, onWake }: ClockWatchOptions): Dispose {
  let wallMs = clock.wallMs();
  let monotonicMs = clock.monotonicMs();
  return timers.every(CHECK_MS, () => {
    const wallPassedMs = clock.wallMs() - wallMs;
    const passedMs = clock.monotonicMs() - monotonicMs;
    wallMs += wallPassedMs;
    monotonicMs += passedMs;
    const lateMs = passedMs - CHECK_MS;
    if (Math.abs(wallPassedMs - passedMs) > JUMP_MS) onWake({ reason: "clock-jump", jumpMs: wallPassedMs - passedMs });
    else if (lateMs > JUMP_MS) onWake({ reason: "timer-gap", jumpMs: lateMs });
  });
}
