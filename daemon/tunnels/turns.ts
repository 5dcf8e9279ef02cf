/**
 * Lets the event loop turn between pieces of work, of which one file can ask for
 * hundreds: an open connection then waits for a few pieces at most.
 */

/** Our choice: how many pieces of work run in one turn of the loop. Each takes about a millisecond. */
const PER_TURN = 4;

/** Hands out places in the turns of the loop, in the order they were asked for. */
export class Turns {
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when the next piece of work may be done: at once, or in a later turn. */
  next(): Promise<void> {
    if (this.#used === 0) setImmediate(() => this.#turn());
    if (this.#used < PER_TURN) {
      this.#used += 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #turn(): void {
    const now = this.#waiting.splice(0, PER_TURN);
    this.#used = now.length;
    if (this.#used > 0) setImmediate(() => this.#turn());
    for (const resolve of now) resolve();
  }
}
