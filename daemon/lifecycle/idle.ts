/**
 * Decides when a daemon that nobody needs should end: no client, no pin and no
 * connection for a while. Time in which the machine slept does not count, and
 * neither does time in which this process was not run: nobody could have come.
 */
import type { Clock, Dispose, Timers } from "./clock.ts";

/** What the decision needs. */
export interface IdleExitOptions {
  /** How long nobody must have needed the daemon; 0 ends it at the next look. */
  readonly idleMs: number;
  /** How often to look; the most that one look can count is twice this. */
  readonly checkMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether there is a client, a pin or a connection now. */
  readonly isNeeded: () => boolean;
  /** Called once; the watch has ended then. */
  readonly onIdle: () => void;
}

/** A watch under way. */
export interface IdleExit {
  /** Somebody came: counts from nothing again, even if they are gone by the next look. */
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
