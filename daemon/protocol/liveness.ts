/**
 * Whether the other end of a connection is alive: alive is whoever sends any
 * record. Pure; times are milliseconds of a clock that never goes back.
 *
 *     heard ──silence──► asked (a ping is out) ──a record──► heard
 *                           └──no record──► dead
 *
 * A connection on which nothing but the ping is on its way answers within round
 * trips; behind a bulk upload on a slow way a pong may take many seconds, so there
 * the other end has longer.
 */

/** Design: docs/PROTOCOL.md. A dead connection is noticed within 12 s where streams are open: silence, a look, and patience. */
const SILENCE_MS = { withStreams: 4_000, without: 60_000 };
/** Our choice: the server asks later, as one question is enough. */
const SERVER_LATER_MS = 15_000;
const DEAD_MS = { idle: 6_000, busy: 10_000 };

/** How often to look; the caller's timer. */
export const LOOK_EVERY_MS = 1_000;

/** The design's figure: how long a stream that opens after a silence waits for a sign of life before another connection is tried. */
const SUSPECT = { leastMs: 1_000, roundTrips: 4 };

/** Our choice: after so long a silence a new stream is reason to ask at once. */
const STALE_MS = 1_000;

/** See the file's header. */
export class Liveness {
  readonly #isServer: boolean;
  #heardMs: number;
  #askedMs: number | undefined;

  constructor(role: "client" | "server", nowMs: number) {
    this.#isServer = role === "server";
    this.#heardMs = nowMs;
  }

  /** A record has come. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#askedMs = undefined;
  }

  /** A ping goes out. */
  asked(nowMs: number): void {
    this.#askedMs ??= nowMs;
  }

  /** Whether an answer is waited for. */
  get isAsking(): boolean {
    return this.#askedMs !== undefined;
  }

  /** When a record came last. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** What to do at this look. */
  look(nowMs: number, { streams, isBusy }: { readonly streams: number; readonly isBusy: boolean }): "nothing" | "ask" | "dead" {
    if (this.#askedMs !== undefined) return nowMs - this.#askedMs >= (isBusy ? DEAD_MS.busy : DEAD_MS.idle) ? "dead" : "nothing";
    const patienceMs = (streams > 0 ? SILENCE_MS.withStreams : SILENCE_MS.without) + (this.#isServer ? SERVER_LATER_MS : 0);
    return nowMs - this.#heardMs >= patienceMs ? "ask" : "nothing";
  }

  /** Whether a stream that opens now is reason to ask at once. */
  isStale(nowMs: number): boolean {
    return nowMs - this.#heardMs >= STALE_MS;
  }

  /** How long the answer to a question may take before the connection is doubted. */
  static suspectMs(roundTripMs: number | undefined): number {
    return Math.max(SUSPECT.leastMs, SUSPECT.roundTrips * (roundTripMs ?? 0));
  }
}
