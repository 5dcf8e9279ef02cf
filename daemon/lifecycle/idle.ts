/**
 * Decides when a daemon that nobody needs should end: no client, no pin and no
 * connection for a while. Time in which the machine slept or this process did
 * not run does not count: no client could have connected then.
 */
import type { Clock, Dispose, Timers } from "../../shared/time.ts";

/** What the decision needs. */
export interface IdleExitOptions {
  /** How long the daemon must have been unneeded; 0 ends it at the next look. */
  readonly idleMs: number;
  /** How often to look; the most that one look can count is twice this. */
  readonly checkMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether there is a client, a pin or a connection now. */
  readonly isNeeded: () => boolean;
  /** Called once, after the watch has ended. */
  readonly onIdle: () => void;
}

/** A watch under way. */
export interface IdleExit {
  /** A client connected: the count starts again from zero, even if the client is gone by the next look. */
  touch(): void;
  dispose: Dispose;
}

/** Starts to watch; the caller owns the result. */
export function watchIdle(options: IdleExitOptions): IdleExit {
  const { idleMs, checkMs, clock, timers } = options;
  let idleSoFarMs = 0;
  let lastMs = clock.monotonicMs();
  const touch = (): void => {
    idleSoFarMs = 0;
    lastMs = clock.monotonicMs();
  };
  const dispose = timers.every(checkMs, () => {
    if (options.isNeeded()) return touch();
    const nowMs = clock.monotonicMs();
    idleSoFarMs += Math.min(nowMs - lastMs, 2 * checkMs);
    lastMs = nowMs;
    if (idleSoFarMs < idleMs) return;
    dispose();
    options.onIdle();
  });
  return { touch, dispose };
}
