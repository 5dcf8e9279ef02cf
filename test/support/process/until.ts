/**
 * Waiting in tests: for a condition, with a deadline, and never with a bare sleep. All waits have the same deadline: a
 * test with a shorter one would assert how fast a machine is.
 */
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;

/** A limit for events that never come, not a measure of speed: the machines are shared, and sometimes slow. */
const PATIENCE_MS = 120_000;

/** What is waited for. */
export interface UntilOptions {
  /** Completes the sentence "waited in vain until …"; a function is asked at the deadline. */
  readonly what: string | (() => string);
}

/** Resolves as soon as `condition` holds; throws when it still doesn't at the deadline. */
export async function until(condition: () => boolean | Promise<boolean>, { what }: UntilOptions): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw inVain(what);
    await delay(POLL_MS);
  }
}

/** Resolves once `value` has stayed the same for `rounds` polls, so that it has stopped changing. */
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
export async function within<T>(promise: Promise<T>, { what }: UntilOptions): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(inVain(what)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function inVain(what: UntilOptions["what"]): Error {
  return new Error(`waited in vain until ${typeof what === "string" ? what : what()}`);
}
