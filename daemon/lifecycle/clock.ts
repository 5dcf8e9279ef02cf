/**
 * Time as an argument: the clocks and timers that everything in lifecycle/ is
 * given, so that its tests need no sleep. The shape of the clocks is the same
 * as in proxy/stats.ts, which this layer may not import.
 */

/** The machine's two clocks. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  wallMs(): number;
  /** Milliseconds of a clock that never jumps; on most systems it stands still while the machine sleeps. */
  monotonicMs(): number;
}

/** Ends what was started; may be called twice. */
export type Dispose = () => void;

/** Timers that never keep the process alive by themselves. */
export interface Timers {
  /** Calls `action` once. */
  after(delayMs: number, action: () => void): Dispose;
  /** Calls `action` again and again. */
  every(intervalMs: number, action: () => void): Dispose;
}

/** The machine's clocks. */
export const machineClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Node's timers, without a hold on the event loop. */
export const machineTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs).unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, action) {
    const timer = setInterval(action, intervalMs).unref();
    return () => clearInterval(timer);
  },
};
