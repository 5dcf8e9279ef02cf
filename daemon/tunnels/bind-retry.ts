/**
 * The tries to bind a port that is taken or denied: again and again, less and less
 * often, until the port is free or the tunnel ends. Owns its timer: `stop` it.
 */
import type { FailureStatus } from "../../shared/contract/state.ts";
import { type TunnelError, wordsOf } from "../../shared/errors.ts";
import { type After, Backoff, type Clock, jittered, machineAfter } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";

/** Our choice: how long to wait before the next try; doubled each time, with up to a quarter of jitter. */
const RETRY_MS = { first: 500, most: 15_000 };

/** What tries are given of the world. */
export interface BindRetryContext {
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly after?: After | undefined;
}

/** See the file's header. */
export class BindRetry {
  readonly #context: BindRetryContext;
  readonly #tryAgain: () => void;
  readonly #backoff = new Backoff(RETRY_MS);
  #failure: FailureStatus | undefined;
  /** Set while the next try is still to come. */
  #cancel: (() => void) | undefined;

  constructor(context: BindRetryContext, tryAgain: () => void) {
    this.#context = context;
    this.#tryAgain = tryAgain;
  }

  /** Why the port can't be bound, while it can't. */
  get failure(): FailureStatus | undefined {
    return this.#failure;
  }

  /** Notes a failed try and plans the next one; false when the try before failed for the same reason. */
  failed(error: TunnelError): boolean {
    const { random, clock, after = machineAfter } = this.#context;
    const isNew = this.#failure?.message !== error.message;
    this.#failure = { ...wordsOf(error), atMs: clock.wallMs(), count: isNew ? 1 : (this.#failure?.count ?? 0) + 1 };
    this.#cancel = after(jittered(this.#backoff.next(), (random(1)[0] ?? 0) / 256), () => {
      this.#cancel = undefined;
      this.#tryAgain();
    });
    return isNew;
  }

  /** Makes the next try at once, if one is planned. */
  now(): void {
    if (!this.#cancel) return;
    this.stop();
    this.#tryAgain();
  }

  /** The port is bound. */
  succeeded(): void {
    this.#failure = undefined;
    this.#backoff.reset();
  }

  /** Plans no further try. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
