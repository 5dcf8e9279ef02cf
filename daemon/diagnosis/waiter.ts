/**
 * Waits for something observed, with a time limit and an abort signal; the
 * observer says when to look again.
 */

import { deadline } from "../../shared/time.ts";

/** How long to wait; if aborted, the wait throws the signal's reason. */
export interface Wait {
  readonly ms: number;
  readonly signal: AbortSignal;
}

/** One waiter at a time. */
export class Waiter {
  #look: () => void = () => {};

  /** Something has changed: the waiter looks again. */
  changed(): void {
    this.#look();
  }

  /** Resolves when `holds` is true, or when the time is over. */
  async until(holds: () => boolean, { ms, signal }: Wait): Promise<void> {
    signal.throwIfAborted();
    let end = (): void => {};
    let over = (): void => {};
    try {
      await new Promise<void>((resolve) => {
        over = resolve;
        end = deadline(ms, over);
        signal.addEventListener("abort", over);
        this.#look = () => {
          if (holds()) over();
        };
        this.#look();
      });
    } finally {
      end();
      signal.removeEventListener("abort", over);
      this.#look = () => {};
    }
    signal.throwIfAborted();
  }
}
