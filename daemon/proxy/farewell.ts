/**
 * How one side of a broken connection is ended, so that nobody takes a part of
 * a stream for the whole stream. Data that came before the break is still handed
 * over, as the system does when it passes data and then a reset; after that:
 *
 *     the stream into the side is incomplete ──► its queue is written, a moment, reset
 *     it is whole, its end is queued         ──► its end is written, closed
 *     it is whole, its end is written        ──► closed (the system resets it as soon as the side sends more)
 *     a client that was sent nothing         ──► it is told why, if it can be (plain-refusal.ts)
 *
 * A unix socket has no reset: it is closed, and its reader sees an error only if
 * the reader's own data has not been read. Owns its timers and listeners, and in
 * the end the side itself.
 */
import type { TunnelError } from "../../shared/errors.ts";
import type { PlainSide } from "./plain-side.ts";

/** How much of the stream into a side its owner has handed over: no end yet, an end that is queued, everything. */
export type StreamInto = "open" | "ended" | "done";

/** One side and what is known about it. */
export interface FarewellOptions {
  readonly side: PlainSide;
  readonly streamInto: StreamInto;
  /** Whether any byte was ever written to it. */
  readonly wasWritten: boolean;
  /** Why it broke, for a client to which nothing was written. `isUnheard`: see {@link PlainSide.refusal}. */
  readonly failure?: { readonly error: TunnelError; readonly isUnheard: boolean } | undefined;
  /** The side is closed. Called once, perhaps at once; not after `cut`. */
  readonly onClosed: () => void;
}

/**
 * Our choice: how long a side has to take the part of a stream that is queued for it, and then to read that part. A reset
 * overtakes data that the other end has not read: many programs (all that run on libuv among them) see data and a reset
 * together as an end. A slow reader of a whole stream has longer, because without a tunnel it would get the whole stream:
 * as long as Linux keeps a closed socket whose peer does not close (tcp_fin_timeout, tcp(7)).
 */
const FAREWELL_MS = { flush: 2_000, flushWhole: 60_000, read: 100 };

const NO_BYTES = new Uint8Array(0);

/** Ends one side of a connection that broke. `start` begins, `cut` finishes at once. */
export class Farewell {
  readonly #options: FarewellOptions;
  #timer: NodeJS.Timeout | undefined;
  #state: "idle" | "waiting" | "closed" = "idle";

  constructor(options: FarewellOptions) {
    this.#options = options;
  }

  start(): void {
    const { side, streamInto, wasWritten } = this.#options;
    this.#state = "waiting";
    // Data that still comes from this side has nowhere to go. Left unread, it makes the system send a reset where we can't.
    side.source.pause();
    if (side.sink.destroyed || streamInto === "done" || (streamInto === "open" && !wasWritten)) {
      this.#finish();
      return;
    }
    side.sink.once("close", this.#finish);
    this.#timer = setTimeout(this.#finish, streamInto === "ended" ? FAREWELL_MS.flushWhole : FAREWELL_MS.flush);
    if (streamInto === "ended") side.sink.once("finish", this.#finish);
    else side.sink.write(NO_BYTES, () => this.#leaveTimeToRead());
  }

  /** Closes the side now. */
  cut(): void {
    this.#close();
  }

  #leaveTimeToRead(): void {
    if (this.#state !== "waiting") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#finish, FAREWELL_MS.read);
  }

  readonly #finish = (): void => {
    if (this.#close()) this.#options.onClosed();
  };

  /** False: the side was closed already. */
  #close(): boolean {
    if (this.#state === "closed") return false;
    this.#state = "closed";
    const { side, streamInto, wasWritten, failure } = this.#options;
    clearTimeout(this.#timer);
    side.sink.removeListener("close", this.#finish);
    side.sink.removeListener("finish", this.#finish);
    if (failure && streamInto === "open" && !wasWritten && side.refusal?.take(failure.error, failure.isUnheard) === true) return true;
    if (streamInto === "done" || (streamInto === "ended" && side.sink.writableFinished)) side.destroy();
    else side.reset();
    return true;
  }
}
