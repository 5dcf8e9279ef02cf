/**
 * Time: the clocks and timers that the code is given as arguments, so that tests
 * need no sleep; limits on waiting; and waits that double.
 */

/** The machine's two clocks. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  wallMs(): number;
  /** Milliseconds of a clock that never jumps; on most systems it stands still while the machine sleeps. */
  monotonicMs(): number;
}

/** setTimeout's limit, 24 days: beyond it a timer fires at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** A delay cut to what a timer can take; a longer delay is as good as never. */
export function timerMs(delayMs: number): number {
  return Math.min(MAX_TIMER_MS, delayMs);
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
export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Node's timers, without a hold on the event loop. */
export const machineTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, timerMs(delayMs)).unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, action) {
    const timer = setInterval(action, timerMs(intervalMs)).unref();
    return () => clearInterval(timer);
  },
};

/** Runs `action` once after `delayMs`; returns a function that prevents it. */
export type After = (delayMs: number, action: () => void) => Dispose;

/** The machine's timers for actions that must happen: they keep the process alive. */
export const machineAfter: After = (delayMs, action) => {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
};

/**
 * A time limit for data from a socket: calls `late` when the time is over and all data that had arrived by then has
 * been handled; the returned function ends the limit. A process that was kept from running (a busy machine, a long
 * computation) finds the limit over and the answer there at the same moment, and Node runs the timer first.
 */
export function deadline(timeoutMs: number, late: () => void): () => void {
  let turn: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // Node reads sockets between a timer and setImmediate.
    turn = setImmediate(late);
  }, timeoutMs);
  return () => {
    clearTimeout(timer);
    clearImmediate(turn);
  };
}

/** How long to wait, and what happens then. */
export interface Patience {
  readonly timeoutMs: number;
  /** The error when it takes longer. */
  readonly late: () => Error;
  /** When aborted, the wait gives up at once with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A bound on waiting for a promise that can't be cancelled itself: the promise's result; or rejects with `late()` or the signal's reason. Leaves no timer behind. */
export async function withinTime<T>(promise: Promise<T>, { timeoutMs, late, signal }: Patience): Promise<T> {
  let stop = (): void => {};
  const givenUp = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal?.reason);
    const end = deadline(timeoutMs, () => reject(late()));
    signal?.addEventListener("abort", abort);
    stop = () => {
      end();
      signal?.removeEventListener("abort", abort);
    };
  });
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    stop();
  }
}

/** How long to wait between tries: `first` milliseconds, then twice as long each time, up to `most`. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #nextMs: number;

  constructor({ first, most }: { readonly first: number; readonly most: number }) {
    this.#firstMs = first;
    this.#mostMs = most;
    this.#nextMs = first;
  }

  /** The wait after one more failure, in milliseconds. */
  next(): number {
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(this.#mostMs, waitMs * 2);
    return waitMs;
  }

  /** After a success: the next wait is the first one again. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** A wait with up to a quarter more, so that tries that began together are not repeated together; `share` is random, from 0 to 1. */
export function jittered(waitMs: number, share: number): number {
  return waitMs * (1 + share / 4);
}
