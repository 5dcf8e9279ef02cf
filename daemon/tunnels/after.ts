/**
 * Timers as an argument, so that tests need not wait for a linger or a retry.
 */

/** Runs `action` once after `delayMs`; returns how to prevent that. */
export type After = (delayMs: number, action: () => void) => () => void;

/** The machine's timers. */
export const machineAfter: After = (delayMs, action) => {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
};
