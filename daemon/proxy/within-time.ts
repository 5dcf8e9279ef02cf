/**
 * A bound on waiting for a promise that can't be cancelled itself.
 */

/** How long to wait, and what then. */
export interface Patience {
  readonly timeoutMs: number;
  /** The error when it takes longer. */
  readonly late: () => Error;
  /** Gives up at once, with its reason. */
  readonly signal?: AbortSignal;
}

/** The promise's result; or rejects with `late()` or the signal's reason. Leaves no timer behind. */
export async function withinTime<T>(promise: Promise<T>, { timeoutMs, late, signal }: Patience): Promise<T> {
  let stop = (): void => {};
  const givenUp = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal?.reason);
    const timer = setTimeout(() => reject(late()), timeoutMs);
    signal?.addEventListener("abort", abort);
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
  });
  try {
    return await Promise.race([promise, givenUp]);
  } finally {
    stop();
  }
}
