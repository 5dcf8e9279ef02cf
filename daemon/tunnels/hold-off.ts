/**
 * After KEY_MISMATCH newcomers are turned away for a while instead of dialled
 * for: a client that tries again and again in vain would only load the far side.
 * Longer each time, until the key has been proved.
 */

import { TunnelError } from "../../shared/errors.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { Clock } from "../proxy/stats.ts";

/** The design's bounds, jittered by up to a quarter. */
const HOLD_OFF_MS = { first: 1_000, most: 30_000 };

/** See the file's header. */
export class HoldOff {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  #untilMs = Number.NEGATIVE_INFINITY;
  #stepMs = 0;
  #error: TunnelError | undefined;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: RandomSource }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A key was refused: turns newcomers away from now on, with what `cause` says. What it turned away itself changes nothing. */
  start(cause: TunnelError): void {
    if (cause === this.#error) return;
    this.#stepMs = Math.min(HOLD_OFF_MS.most, this.#stepMs === 0 ? HOLD_OFF_MS.first : this.#stepMs * 2);
    const jitter = (this.#random(1)[0] ?? 0) / 256 / 4;
    this.#untilMs = this.#clock.monotonicMs() + Math.min(HOLD_OFF_MS.most, this.#stepMs * (1 + jitter));
    this.#error = new TunnelError("KEY_MISMATCH", cause.message);
  }

  /** Why a newcomer is turned away now; undefined: it is not. */
  get reason(): TunnelError | undefined {
    return this.#clock.monotonicMs() < this.#untilMs ? this.#error : undefined;
  }

  /** Lets newcomers through at once; `forget`: the key was proved, so the next time begins small again. */
  end({ forget }: { readonly forget: boolean }): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
    if (forget) this.#stepMs = 0;
  }
}
