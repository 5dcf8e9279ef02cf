/**
 * Clocks and timers that stand still until a test moves them.
 */
import type { Clock, Dispose, Timers } from "../../../shared/time.ts";

interface FakeTimer {
  dueMs: number;
  readonly intervalMs: number | undefined;
  readonly action: () => void;
}

/** Time that a test controls. */
export class FakeTime implements Clock, Timers {
  #wallMs = 1_700_000_000_000;
  #monotonicMs = 1_000;
  readonly #timers = new Set<FakeTimer>();

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** The number of timers that have neither fired nor been disposed of. */
  get pending(): number {
    return this.#timers.size;
  }

  after(delayMs: number, action: () => void): Dispose {
    return this.#add({ dueMs: this.#monotonicMs + delayMs, intervalMs: undefined, action });
  }

  every(intervalMs: number, action: () => void): Dispose {
    return this.#add({ dueMs: this.#monotonicMs + intervalMs, intervalMs, action });
  }

  /** Lets time pass; timers fire when they are due. */
  pass(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#move(Math.max(0, next.dueMs - this.#monotonicMs));
      this.#fire(next);
    }
    this.#move(endMs - this.#monotonicMs);
  }

  /** Simulates sleep: only the wall clock goes on. */
  sleep(ms: number): void {
    this.#wallMs += ms;
  }

  /** Simulates a stopped process: both clocks go on, and due timers fire once, late. */
  stall(ms: number): void {
    this.#move(ms);
    for (const timer of [...this.#timers]) if (timer.dueMs <= this.#monotonicMs) this.#fire(timer);
  }

  #add(timer: FakeTimer): Dispose {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #next(endMs: number): FakeTimer | undefined {
    const due = [...this.#timers].filter((timer) => timer.dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }

  #fire(timer: FakeTimer): void {
    if (timer.intervalMs === undefined) this.#timers.delete(timer);
    else timer.dueMs = this.#monotonicMs + timer.intervalMs;
    timer.action();
  }

  #move(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }
}
