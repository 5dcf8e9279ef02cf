/**
 * The server's sessions that have lost their connection, of the whole process: how
 * many may wait, and how much memory they may hold. Whoever has waited longest
 * goes first; one without streams goes before all others.
 */
import type { NativeSession } from "./native-session.ts";

/** Bounds of a process. */
export interface WaitingBounds {
  readonly count: number;
  readonly bytes: number;
}

/** Our choice: a waiting session without data costs a few kB; with data as much as its applications had sent. */
const BOUNDS: WaitingBounds = { count: 1_024, bytes: 256 * 1024 * 1024 };

/** See the file's header. */
export class WaitingSessions {
  readonly #bounds: WaitingBounds;
  /** In the order in which they lost their connection, with what ends each. */
  readonly #waiting = new Map<NativeSession, () => void>();

  constructor(bounds: WaitingBounds = BOUNDS) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** A session has lost its connection; `giveUp` ends it, and leads to `leave`. Others, or itself, may have to go. */
  enter(session: NativeSession, giveUp: () => void): void {
    this.#waiting.set(session, giveUp);
    let bytes = 0;
    for (const other of this.#waiting.keys()) bytes += other.heldBytes;
    while (this.#waiting.size > 0 && (this.#waiting.size > this.#bounds.count || bytes > this.#bounds.bytes)) {
      const first = this.#first(() => true) as NativeSession;
      bytes -= first.heldBytes;
      this.#giveUp(first);
    }
  }

  /** It has a connection again, or is over. */
  leave(session: NativeSession): void {
    this.#waiting.delete(session);
  }

  /** Gives one of those up that `which` names; false: there is none. */
  giveUpOne(which: (session: NativeSession) => boolean): boolean {
    const first = this.#first(which);
    if (first) this.#giveUp(first);
    return first !== undefined;
  }

  /** Who would go first. */
  #first(which: (session: NativeSession) => boolean): NativeSession | undefined {
    const own = [...this.#waiting.keys()].filter(which);
    return own.find(({ streams }) => streams === 0) ?? own[0];
  }

  #giveUp(session: NativeSession): void {
    const giveUp = this.#waiting.get(session);
    this.#waiting.delete(session);
    giveUp?.();
  }
}

/** Of this process. */
export const ownWaitingSessions = new WaitingSessions();
