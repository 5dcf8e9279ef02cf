/** Waiting for something observed, with a bound and an abort signal; the one who observes says when to look again. */

/** How long to wait; aborted, the wait throws the signal's reason. */
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

  /** Resolves when `holds` does, or when the time is over. */
  async until(holds: () => boolean, { ms, signal }: Wait): Promise<void> {
    signal.throwIfAborted();
    let timer: NodeJS.Timeout | undefined;
    let over = (): void => {};
    try {
      await new Promise<void>((resolve) => {
        over = resolve;
        timer = setTimeout(over, ms);
        signal.addEventListener("abort", over);
        this.#look = () => {
          if (holds()) over();
        };
        this.#look();
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      this.#look = () => {};
    }
    signal.throwIfAborted();
  }
}
