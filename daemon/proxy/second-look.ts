/**
 * Finds out why a far side closed when it got our proof of the key (C4). spiped
 * closes because of a different key, or because its backend refuses, which may
 * happen at any moment; of several connections at once, about every other one is
 * closed before its nonce is out. So the connection is made again, once, with C4
 * held back: a far side that closes before any proof did not judge a key. Nothing
 * of the application has been read by then, so the application doesn't notice.
 *
 * This is the memory of one way to one far side: one look at a time, and its
 * result holds for a while. A client that tries again and again in vain costs the
 * far side, and MySQL's count of interrupted connects, one more connection in that
 * time.
 *
 *     unknown ──ask──► looking ──ended──► known ──memory over, a handshake works──► unknown
 */
import type { ErrorCode, TunnelError } from "../../shared/errors.ts";
import type { Clock } from "../../shared/time.ts";

/** The result of a look: the failure, or that the handshake worked this time; undefined: the look was given up. */
export type LookResult = TunnelError | "works" | undefined;

/** A look under way. The connection that looks must report the result, whatever happens. */
export interface Look {
  /** Only the first call counts. */
  ended(result: LookResult): void;
}

/** What a connection whose handshake broke off is to do. */
export type LookAdvice =
  | { readonly do: "look"; readonly look: Look }
  /** Another connection is looking. */
  | { readonly do: "wait"; readonly result: Promise<LookResult> }
  /** A look was made a moment ago. */
  | { readonly do: "trust"; readonly result: TunnelError | "works" };

/** Our choice: how long a look's result holds; as long as a black-holed backend keeps a far end busy (spiped -o). */
const MEMORY_MS = 5_000;

/** Our choice, the design's rule (f): C4 is held back for `ms` plus `roundTrips` times the longest time measured on this way. */
const HOLD = { ms: 300, roundTrips: 3 };

/** Our choice: for this long after a greeting, a spiped is taken to be there. */
const GREETING_MS = 60_000;

/** What a look can find out about a close; other failures (it could not connect again) concern only one connection. */
const VERDICTS: readonly ErrorCode[] = ["BACKEND_DOWN", "KEY_MISMATCH", "FORWARD_SECRECY_REFUSED", "PEER_CLOSED"];

/** See the file's header. */
export class SecondLook {
  readonly #clock: Clock;
  #underWay: Promise<LookResult> | undefined;
  #greetedMs = Number.NEGATIVE_INFINITY;
  #known: { readonly result: TunnelError | "works"; readonly untilMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says what to do when a far side has closed on our proof. */
  ask(): LookAdvice {
    if (this.#underWay !== undefined) return { do: "wait", result: this.#underWay };
    if (this.#known && this.#clock.monotonicMs() < this.#known.untilMs) return { do: "trust", result: this.#known.result };
    let settle: (result: LookResult) => void = () => {};
    this.#underWay = new Promise((resolve) => {
      settle = resolve;
    });
    const ended = (result: LookResult): void => {
      this.#underWay = undefined;
      const isVerdict = result === "works" || (result && VERDICTS.includes(result.code));
      this.#known = isVerdict ? { result, untilMs: this.#clock.monotonicMs() + MEMORY_MS } : undefined;
      settle(result);
    };
    return { do: "look", look: { ended: once(ended) } };
  }

  /** The far side has sent a whole nonce. */
  noteGreeting(): void {
    this.#greetedMs = this.#clock.monotonicMs();
  }

  /** Whether a spiped was there a short while ago: it sent its nonce on some connection. */
  get hasGreeted(): boolean {
    return this.#clock.monotonicMs() < this.#greetedMs + GREETING_MS;
  }

  /** A handshake worked, on any connection: a fault that a look found before is gone. */
  noteSuccess(): void {
    this.noteGreeting();
    if (this.#known?.result !== "works") this.#known = undefined;
  }

  /** Somebody asks on purpose: the next connection in doubt looks for itself. */
  forget(): void {
    this.#known = undefined;
  }
}

/**
 * How long C4 is held back. `tookMs` are the times measured on this way, the whole first connection among them, so that a
 * backend that took that long to refuse shows again. At most half of the handshake's time limit, as the far side has such a
 * limit too.
 */
export function holdProofMs(tookMs: readonly number[], handshakeTimeoutMs: number): number {
  return Math.min(HOLD.ms + HOLD.roundTrips * Math.max(0, ...tookMs), handshakeTimeoutMs / 2);
}

function once(act: (result: LookResult) => void): (result: LookResult) => void {
  let isOver = false;
  return (result) => {
    if (isOver) return;
    isOver = true;
    act(result);
  };
}
