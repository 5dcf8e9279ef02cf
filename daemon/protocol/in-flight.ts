/**
 * How much of a session may be on its way: at most
 * max(256 kB, acknowledged rate × (2 × least round trip + 5 ms)), and 16 MiB. Without a bound
 * the system's send buffer takes megabytes, and a small frame behind a bulk stream
 * waits for all of them on a slow link. The 5 ms are for ways that are shorter than
 * the time which the ends themselves take. Pure; BBR's idea (Cardwell and others,
 * ACM Queue 14(5), 2016) without its pacing.
 */

/** Our choice, and what the design measured: 0.2 s at 1.25 MB/s. */
const LEAST_BYTES = 256 * 1024;

/** The design's bound on what is kept to be sent again. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Our choice: less than this is past even a slow link within seconds. */
const BUSY_BYTES = 32 * 1024;

/** Our choice: what the ends take to read, decrypt and acknowledge, pauses of the garbage collector included. */
const ENDS_MS = 5;

/** Our choice: rates are taken over at least this long, and the best of the last few counts. */
const PERIOD_MS = 10;
const PERIODS = 8;

/** See the file's header. Counts are bytes since the beginning, times are milliseconds. */
export class InFlight {
  #sentBytes = 0;
  #ackedBytes = 0;
  #leastRoundTripMs: number | undefined;
  /** Bytes that had been sent at a moment: when they are acknowledged, a round trip is over. */
  #mark: { readonly bytes: number; readonly atMs: number } | undefined;
  #period: { readonly bytes: number; readonly fromMs: number } | undefined;
  readonly #rates: number[] = [];

  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The shortest round trip so far; undefined before there was one. */
  get roundTripMs(): number | undefined {
    return this.#leastRoundTripMs;
  }

  /** How many more bytes may be sent now. */
  get room(): number {
    const rate = Math.max(0, ...this.#rates);
    const most = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, rate * (2 * (this.#leastRoundTripMs ?? 0) + ENDS_MS)));
    return Math.max(0, most - (this.#sentBytes - this.#ackedBytes));
  }

  /** Whether so much is on its way that an answer behind it may take long. */
  get isBusy(): boolean {
    return this.#sentBytes - this.#ackedBytes > BUSY_BYTES;
  }

  /** Goes on, on another connection: the other end has `bytes`, and nothing is on its way. Nothing is known of the new way. */
  startAgain(bytes: number): void {
    this.#sentBytes = bytes;
    this.#ackedBytes = bytes;
    this.#leastRoundTripMs = undefined;
    this.#mark = undefined;
    this.#period = undefined;
    this.#rates.length = 0;
  }

  sent(count: number, nowMs: number): void {
    // A rate counts from when something was on its way.
    if (this.#sentBytes === this.#ackedBytes) this.#period = { bytes: this.#ackedBytes, fromMs: nowMs };
    this.#sentBytes += count;
    this.#mark ??= { bytes: this.#sentBytes, atMs: nowMs };
  }

  /** The other end has `bytes`. False: it can't have. */
  acknowledged(bytes: number, nowMs: number): boolean {
    if (bytes > this.#sentBytes) return false;
    if (bytes <= this.#ackedBytes) return true;
    this.#ackedBytes = bytes;
    if (this.#mark && bytes >= this.#mark.bytes) {
      this.measured(nowMs - this.#mark.atMs);
      this.#mark = undefined;
    }
    const period = this.#period;
    const lastedMs = period ? nowMs - period.fromMs : 0;
    if (period && lastedMs >= Math.max(PERIOD_MS, this.#leastRoundTripMs ?? 0)) {
      this.#rates.push((bytes - period.bytes) / lastedMs);
      if (this.#rates.length > PERIODS) this.#rates.shift();
      this.#period = { bytes, fromMs: nowMs };
    }
    return true;
  }

  /** A round trip took this long. */
  measured(roundTripMs: number): void {
    this.#leastRoundTripMs = Math.min(this.#leastRoundTripMs ?? Number.POSITIVE_INFINITY, roundTripMs);
  }
}
