/**
 * After KEY_MISMATCH new connections are refused for a while instead of dialled: a
 * client that keeps trying in vain would only load the far side. The wait grows
 * each time until the key has been proved. A user who asks ends the wait, and the
 * outcome of that connection starts the next one.
 */

import { saidBy, TunnelError } from "../../shared/errors.ts";
import { Backoff, type Clock, jittered } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";

/** The design's bounds, jittered by up to a quarter. */
const HOLD_OFF_MS = { first: 1_000, most: 30_000 };

/** See the file's header. */
export class HoldOff {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  #untilMs = Number.NEGATIVE_INFINITY;
  readonly #backoff = new Backoff(HOLD_OFF_MS);
  #error: TunnelError | undefined;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: RandomSource }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A key was refused: refuses new connections from now on, with the message of `cause`. The hold-off's own refusals change nothing. */
  start(cause: TunnelError): void {
    if (cause === this.#error) return;
    const waitMs = jittered(this.#backoff.next(), (this.#random(1)[0] ?? 0) / 256);
    this.#untilMs = this.#clock.monotonicMs() + Math.min(HOLD_OFF_MS.most, waitMs);
    this.#error = new TunnelError("KEY_MISMATCH", saidBy(cause));
  }

  /** Why a new connection is refused now; undefined: it is not refused. */
  get reason(): TunnelError | undefined {
    return this.#clock.monotonicMs() < this.#untilMs ? this.#error : undefined;
  }

  /** Lets new connections through at once; `forget`: the key was proved, so the next wait starts short again. */
  end({ forget }: { readonly forget: boolean }): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
    if (forget) this.#backoff.reset();
  }
}
