/**
 * Key pairs of spiped's Diffie-Hellman group made ahead, one at a time and with
 * pauses: a connection that takes one costs one exponentiation less, and open
 * connections do not stand still for it. Each pair is given out once.
 */
import type { Dispose, Timers } from "../../shared/time.ts";
import type { RandomSource } from "./random.ts";
import type { CipherSuite } from "./suite.ts";

/** x and y = 2^x mod p; whoever takes it overwrites x. */
export interface DhPair {
  readonly privateValue: Uint8Array;
  readonly publicValue: Uint8Array;
}

/** What makes pairs. */
export interface DhPairsOptions {
  readonly suite: Pick<CipherSuite, "dhPublic">;
  readonly random: RandomSource;
  readonly timers: Pick<Timers, "after">;
}

/** x_C and x_S. */
const PRIVATE_BYTES = 32;

/** A fresh pair. */
export function makeDhPair(suite: Pick<CipherSuite, "dhPublic">, random: RandomSource): DhPair {
  const privateValue = random(PRIVATE_BYTES);
  return { privateValue, publicValue: suite.dhPublic(privateValue) };
}

/** Our choice: pairs that wait, and the pause before each is made: at most a tenth of a processor's time. */
const MOST_PAIRS = 16;
const PAUSE_MS = 5;

/** See the file's header. Makes nothing ahead before the first is taken. */
export class DhPairs {
  readonly #options: DhPairsOptions;
  readonly #pairs: DhPair[] = [];
  #next: Dispose | undefined;

  constructor(options: DhPairsOptions) {
    this.#options = options;
  }

  /** Pairs that are there now. */
  get waiting(): number {
    return this.#pairs.length;
  }

  /** A pair that nobody else gets; made now if none waits. */
  take(): DhPair {
    const pair = this.#pairs.pop() ?? this.#make();
    this.#goOn();
    return pair;
  }

  #goOn(): void {
    if (this.#next || this.#pairs.length >= MOST_PAIRS) return;
    this.#next = this.#options.timers.after(PAUSE_MS, () => {
      this.#next = undefined;
      this.#pairs.push(this.#make());
      this.#goOn();
    });
  }

  #make(): DhPair {
    return makeDhPair(this.#options.suite, this.#options.random);
  }
}
