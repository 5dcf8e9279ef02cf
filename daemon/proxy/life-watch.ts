/**
 * Watches whether the other end of one connection is alive: asks after a silence,
 * when a stream opens, and on waking; says when it is doubted and when it is dead.
 * The figures are liveness.ts. Owns its timers: `stop` it.
 *
 *     alive ──asked, no record in max(1 s, 4 round trips)──► doubted ──a record──► alive
 *       └──asked after a silence, no record for seconds──► dead
 */
import { type Clock, deadline } from "../../shared/time.ts";
import { Liveness, LOOK_EVERY_MS } from "../protocol/liveness.ts";
import type { Role } from "../protocol/wire.ts";

/** What it watches, and the callbacks; none is called after `stop`. */
export interface LifeWatchOptions {
  readonly role: Role;
  readonly clock: Clock;
  readonly streams: () => number;
  /** Whether much is on its way, so that an answer may take long. */
  readonly isBusy: () => boolean;
  /** The shortest round trip so far. */
  readonly roundTripMs: () => number | undefined;
  /** Sends a ping; its pong goes to {@link LifeWatch.pong}. */
  readonly ping: (value: number) => void;
  readonly onRoundTrip: (ms: number) => void;
  /** Once each time. */
  readonly onDoubted: () => void;
  readonly onDead: (silentMs: number) => void;
  /** Once a second, after whatever else. */
  readonly onLook: () => void;
}

/** See the file's header. Create, then `start`. */
export class LifeWatch {
  readonly #options: LifeWatchOptions;
  readonly #liveness: Liveness;
  #isDoubted = false;
  #ping: { readonly value: number; readonly atMs: number } | undefined;
  #pings = 0;
  /** When the last stream was opened. */
  #openedMs = 0;
  #isStopped = false;
  #watch: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;
  #endLook: (() => void) | undefined;

  constructor(options: LifeWatchOptions) {
    this.#options = options;
    this.#liveness = new Liveness(options.role, options.clock.monotonicMs());
  }

  get isDoubted(): boolean {
    return this.#isDoubted;
  }

  /** Asks at once, for a first round trip. */
  start(): void {
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    this.#ask();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#watch);
    clearTimeout(this.#later);
    this.#endLook?.();
  }

  /** A record has come; true: the other end was doubted until now. */
  heard(): boolean {
    this.#liveness.heard(this.#options.clock.monotonicMs());
    const wasDoubted = this.#isDoubted;
    this.#isDoubted = false;
    return wasDoubted;
  }

  /** A pong has come. */
  pong(value: number): void {
    if (value !== this.#ping?.value) return;
    this.#options.onRoundTrip(this.#options.clock.monotonicMs() - this.#ping.atMs);
    this.#ping = undefined;
  }

  /** A stream opens: asks at once after a silence, else once no record comes soon. */
  opened(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#liveness.isStale(nowMs)) {
      this.wake();
      return;
    }
    this.#openedMs = nowMs;
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      if (this.#liveness.heardMs < this.#openedMs) this.wake();
    }, this.#suspectMs).unref();
  }

  /** Asks for a sign of life now; without one soon, the other end is doubted. */
  wake(): void {
    if (!this.#liveness.isAsking) this.#ask();
    this.#endLook?.();
    this.#endLook = deadline(this.#suspectMs, () => {
      this.#endLook = undefined;
      if (!this.#liveness.isAsking || this.#isDoubted) return;
      this.#isDoubted = true;
      this.#options.onDoubted();
    });
  }

  get #suspectMs(): number {
    return Liveness.suspectMs(this.#options.roundTripMs());
  }

  #look(): void {
    const { clock, streams, isBusy, onLook } = this.#options;
    const next = this.#liveness.look(clock.monotonicMs(), { streams: streams(), isBusy: isBusy() });
    if (next === "dead") this.#takeForDead();
    else if (next === "ask") this.#ask();
    onLook();
  }

  /** Unless a record is there already: a process that was kept from running finds it after its timers. */
  #takeForDead(): void {
    const { clock, onDead } = this.#options;
    setImmediate(() => {
      if (!this.#isStopped && this.#liveness.isAsking) onDead(clock.monotonicMs() - this.#liveness.heardMs);
    });
  }

  #ask(): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#pings = (this.#pings + 1) >>> 0;
    this.#ping = { value: this.#pings, atMs: nowMs };
    this.#liveness.asked(nowMs);
    this.#options.ping(this.#pings);
  }
}
