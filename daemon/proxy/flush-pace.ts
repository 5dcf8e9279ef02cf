/**
 * When a session writes what its streams have for it: soon, and together. What one
 * turn of the event loop produced is written at its end; a stream that is alone in
 * most turns does not wait for that; and what probably has something right behind
 * it is held for a turn or a moment.
 *
 *     rest ──soon(), alone lately──► behind the present callback ──► end of the turn ──► rest
 *       ├──soon(), crowded lately──► end of the turn ──► rest
 *       └──hold()──► two turns or a moment later ──► rest
 *
 * Owns its timers: `stop` it.
 */

/** What is paced. */
export interface FlushPaceOptions {
  /** Writes what there is now. */
  readonly flush: () => void;
  /** Streams that have something to send. */
  readonly readyStreams: () => number;
  /** Whether `flush` would write something. */
  readonly hasOutput: () => boolean;
  /** A turn has ended with nothing to write: time to make things ahead. */
  readonly onIdle: () => void;
}

/** Our choice: after so many turns with one stream, a stream is taken to be alone. */
const CROWDED_TURNS = 8;

/** Our choice: a backend near by answers within it, and nobody notices it. */
const MOMENT_MS = 1;

/** See the file's header. */
export class FlushPace {
  readonly #options: FlushPaceOptions;
  /** Set until the end of a turn, once there is something to write or was. */
  #turn: NodeJS.Immediate | undefined;
  /** The first flush of this turn is due right behind the present callback. */
  #isDue = false;
  /** What `hold` writes does not lead to a flush by itself. */
  #isHolding = false;
  #held: NodeJS.Timeout | undefined;
  /** More than 0: several streams had something to send in a turn lately, and one record at the turn's end is cheaper. */
  #crowdedTurns = 0;
  #isStopped = false;

  constructor(options: FlushPaceOptions) {
    this.#options = options;
  }

  /** There is something to write. */
  soon(): void {
    if (this.#isStopped || this.#turn || this.#isDue || this.#isHolding) return;
    if (this.#crowdedTurns > 0) {
      this.#turn = setImmediate(this.#endTurn);
      return;
    }
    this.#isDue = true;
    process.nextTick(this.#flushFirst);
  }

  /**
   * What `write` makes ready may wait for what probably comes right behind it and can go into the same record: for one
   * more turn of the loop, or for a moment. Whatever else is written takes it along.
   */
  hold<T>(until: "next turn" | "a moment", write: () => T): T {
    let result: T;
    this.#isHolding = true;
    try {
      result = write();
    } finally {
      this.#isHolding = false;
    }
    if (this.#isStopped || this.#turn || this.#isDue || this.#held) return result;
    const flush = (): void => {
      this.#turn = undefined;
      this.#options.flush();
    };
    if (until === "a moment") this.#held = setTimeout(flush, MOMENT_MS);
    else
      this.#turn = setImmediate(() => {
        this.#turn = setImmediate(flush);
      });
    return result;
  }

  /** A flush is under way, for whatever reason: nothing is held any more. */
  flushes(): void {
    clearTimeout(this.#held);
    this.#held = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    this.flushes();
    if (this.#turn) clearImmediate(this.#turn);
  }

  /** The first output of a turn, where others seldom follow in the same turn: it does not wait for the turn's end. */
  readonly #flushFirst = (): void => {
    this.#isDue = false;
    if (this.#isStopped) return;
    this.#turn = setImmediate(this.#endTurn);
    this.#options.flush();
  };

  readonly #endTurn = (): void => {
    const { flush, hasOutput, onIdle, readyStreams } = this.#options;
    this.#turn = undefined;
    // After a first flush: something came behind it. Without one: more than one stream had something.
    if (readyStreams() > (this.#crowdedTurns > 0 ? 1 : 0)) this.#crowdedTurns = CROWDED_TURNS;
    else this.#crowdedTurns = Math.max(0, this.#crowdedTurns - 1);
    if (hasOutput()) flush();
    else onIdle();
  };
}
