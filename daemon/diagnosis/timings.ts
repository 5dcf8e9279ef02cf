/**
 * How long a diagnosis waits for what. All injectable, so that tests are quick;
 * every wait has a bound of its own, so that a far side that trickles ends too.
 */

/** Durations in milliseconds. */
export interface Timings {
  /** C4 is held back for this and so many round trips: a backend that refuses shows in that time. */
  readonly holdMs: number;
  readonly holdRoundTrips: number;
  /** The same, when a connection is made again before KEY_MISMATCH is said. */
  readonly longHoldMs: number;
  /** For the answer to `PING` or a ClientHello of somebody who was silent. */
  readonly strangerMs: number;
  /** A service that speaks first is given this, and two round trips, before it is asked something; a far end of ours without a backend resets sooner. */
  readonly firstWordMs: number;
  /** For the service's answer, or for one of no known kind to stay open; longer than spiped's own 5 s (-o), so that its giving up on a backend is seen. */
  readonly serviceMs: number;
  /** A far end that turns us away for itself closes within this time and two round trips after S5; what closes later had let us in. */
  readonly turnedAwayMs: number;
  /** For the other end to close after us. */
  readonly lingerMs: number;
}

/** The design's figures (rule f), and our choices. */
export const DEFAULT_TIMINGS: Timings = {
  holdMs: 300,
  holdRoundTrips: 3,
  longHoldMs: 2_000,
  strangerMs: 2_000,
  firstWordMs: 300,
  serviceMs: 6_000,
  turnedAwayMs: 1_000,
  lingerMs: 1_000,
};
