/**
 * How many connections may be on their way. Two policies:
 *
 * - `wait`, spiped's -n: at the limit no further connection is served until one
 *   ends; newcomers wait, nothing is dropped. Node can't stop accepting on an
 *   open listener, so they wait here, unserved, instead of in the kernel's backlog.
 * - `refuse`: at the limit newcomers are turned away at once (LIMIT_REACHED). On
 *   a server role only authenticated connections count towards the limit;
 *   handshakes have a budget of their own, and the oldest one makes room, so that
 *   silent strangers can't keep a friend out.
 */

/** What to do at the limit. */
export type LimitPolicy = "wait" | "refuse";

/** Our choice: newcomers that may wait; the next one is turned away. Each costs a file descriptor. */
export const MAX_WAITING = 1_024;

/** The design's handshake budget: four times the connection limit, at least this. */
const MIN_HANDSHAKES = 256;

/** Handshakes that may be under way beside `maxConnections` authenticated connections. */
export function handshakeBudget(maxConnections: number): number {
  return Math.max(MIN_HANDSHAKES, 4 * maxConnections);
}

/** Newcomers in the order they came, bounded. `T` is whatever stands for one. */
export class WaitingRoom<T> {
  readonly #waiting = new Set<T>();

  get size(): number {
    return this.#waiting.size;
  }

  get isFull(): boolean {
    return this.#waiting.size >= MAX_WAITING;
  }

  /** Lets one wait; false when there is no room. */
  enter(newcomer: T): boolean {
    if (this.isFull) return false;
    this.#waiting.add(newcomer);
    return true;
  }

  /** The one that has waited longest leaves; with a condition, the longest of those for whom it holds. */
  take(holds: (waiting: T) => boolean = () => true): T | undefined {
    for (const one of this.#waiting) {
      if (!holds(one)) continue;
      this.#waiting.delete(one);
      return one;
    }
    return undefined;
  }

  /** One gives up. */
  leave(newcomer: T): void {
    this.#waiting.delete(newcomer);
  }
}
