/**
 * Waiting in tests: for a condition, with a deadline. Never a bare sleep.
 */
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;

/** A limit for what never comes, not a measure: the machines are shared, and now and then slow. */
const PATIENCE_MS = 60_000;

/** How long to wait before giving up, and what for. */
export interface UntilOptions {
  /** Completes the sentence "waited in vain until …". */
  readonly what: string;
  readonly timeoutMs?: number;
}

/** Resolves as soon as `condition` holds; throws when it still doesn't at the deadline. */
export async function until(condition: () => boolean | Promise<boolean>, { what, timeoutMs = PATIENCE_MS }: UntilOptions): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(POLL_MS);
  }
}

/** Resolves once `value` has stayed the same for `rounds` polls: something that was moving has stopped. */
export async function untilStill(value: () => number, options: UntilOptions & { readonly rounds?: number }): Promise<number> {
  let last = value();
  let same = 0;
  await until(() => {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= (options.rounds ?? 50);
  }, options);
  return last;
}

/** The promise's value, or an error when it takes longer than the deadline. */
export async function within<T>(promise: Promise<T>, { what, timeoutMs = PATIENCE_MS }: UntilOptions): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
