/**
 * How long a diagnosis waits for what. All injectable, so that tests are quick;
 * every wait has a limit of its own, so that a wait for a far side that trickles
 * ends too.
 */

/** Durations in milliseconds. */
export interface Timings {
  /** A far side that knows the native wire gets this time and two round trips to answer its hint; then it is asked as spiped and others are. */
  readonly hintMs: number;
  /** C4 is held back for `holdMs` and `holdRoundTrips` round trips: a backend that refuses shows in that time. */
  readonly holdMs: number;
  readonly holdRoundTrips: number;
  /** The same, for the connection that is made again before KEY_MISMATCH is reported. */
  readonly longHoldMs: number;
  /** For the answer of a silent far side to `PING` or a ClientHello. */
  readonly strangerMs: number;
  /** A service gets this time and two round trips to speak first, before it is asked something; our own far end without a backend resets sooner. */
  readonly firstWordMs: number;
  /** For the service's answer, or for a service of no known kind to stay open; longer than spiped's own 5 s (-o), to see it give up on its backend. */
  readonly serviceMs: number;
  /** A far end that itself turns us away closes within this time and two round trips after S5; a far end that closes later had let us in. */
  readonly turnedAwayMs: number;
  /** For the other end to close after us. */
  readonly lingerMs: number;
}

/** The design's figures (rule f), and our choices. */
export const DEFAULT_TIMINGS: Timings = {
  hintMs: 2_000,
  holdMs: 300,
  holdRoundTrips: 3,
  longHoldMs: 2_000,
  strangerMs: 2_000,
  firstWordMs: 300,
  serviceMs: 6_000,
  turnedAwayMs: 1_000,
  lingerMs: 1_000,
};
