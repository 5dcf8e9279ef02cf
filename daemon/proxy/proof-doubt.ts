/**
 * What one client-role connection does about a far side that closed on its proof
 * of the key, or without a byte: it says what the close means, looks again itself,
 * or waits for another connection's look (`second-look.ts`). How soon a close came
 * is no evidence: on a busy machine the times are noise. Acts on no socket.
 *
 *     first ──closed──► looking ──closed, refused, works──► over
 *                  └──► waiting for another's look ──► over
 */
import type { TunnelError } from "../../shared/errors.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import { handshakeBroken, isClosedOnProof, leavesDoubt, sameAsLook } from "./evidence.ts";
import { holdProofMs, type Look, type LookResult, type SecondLook } from "./second-look.ts";
import type { HandshakeBreak } from "./wire-handshake.ts";

/** What to do about a handshake that broke off. */
export type NextStep =
  | { readonly do: "say"; readonly error: TunnelError }
  /** Connect again, with `holdProofMs`. "soon" lets other connections pass: of several at once, spiped may close some before its nonce. */
  | { readonly do: "again"; readonly when: "now" | "soon" }
  /** The result holds for this connection too (`sameAsLook`); undefined: ask again. */
  | { readonly do: "wait"; readonly result: Promise<LookResult> };

/** Our choice: this many looks that end without a byte are repeated before we conclude that nobody is there. */
const MOST_SILENT_LOOKS = 1;

/** See the file's header. */
export class ProofDoubt {
  readonly #memory: SecondLook | undefined;
  readonly #handshakeTimeoutMs: number;
  #look: Look | undefined;
  /** Times that are each at least a round trip: connecting, the nonce. */
  readonly #roundTripsMs: number[] = [];
  #lastedMs = 0;
  /** Looks that ended without a byte. */
  #silentLooks = 0;
  #wasWeak = false;

  /** Without a memory there is no second look. */
  constructor(options: { readonly memory: SecondLook | undefined; readonly handshakeTimeoutMs: number }) {
    this.#memory = options.memory;
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs;
  }

  /** Whether the present connection is the second look. */
  get isLooking(): boolean {
    return this.#look !== undefined;
  }

  /** How long the handshake of the present connection holds C4 back; undefined: not at all. */
  get holdProofMs(): ((nonceMs: number) => number) | undefined {
    if (!this.#look) return undefined;
    return (nonceMs) => holdProofMs([...this.#roundTripsMs, this.#lastedMs, nonceMs], this.#handshakeTimeoutMs);
  }

  /** A far side that closed on a proof without forward secrecy is asked with it; if it then accepts the same key, it requires forward secrecy (-g). */
  get triesForwardSecrecy(): boolean {
    return this.isLooking && this.#wasWeak;
  }

  /** Connecting took this long. */
  connected(tookMs: number): void {
    this.#roundTripsMs.push(tookMs);
  }

  /** The handshake of the present connection has broken off. */
  next(broken: HandshakeBreak, about: { readonly verifiedBefore: boolean; readonly forwardSecrecy: ForwardSecrecy }): NextStep {
    if (broken.nonceMs !== undefined) {
      this.#roundTripsMs.push(broken.nonceMs);
      this.#memory?.noteGreeting();
    }
    const error = handshakeBroken({
      role: "client",
      ...broken,
      verifiedBefore: about.verifiedBefore,
      hasGreeted: this.#memory?.hasGreeted === true,
      isSecondLook: this.isLooking,
    });
    // Of several connections at once, spiped may have closed this one too before its nonce.
    if (this.isLooking && error.code === "PEER_CLOSED" && broken.progress === "no-byte" && this.#silentLooks < MOST_SILENT_LOOKS) {
      this.#silentLooks += 1;
      return { do: "again", when: "soon" };
    }
    if (this.isLooking || !this.#memory || !leavesDoubt(broken)) return { do: "say", error };
    const advice = this.#memory.ask();
    switch (advice.do) {
      case "look":
        this.#look = advice.look;
        this.#lastedMs = broken.lastedMs;
        this.#wasWeak = isClosedOnProof(broken) && about.forwardSecrecy === "off";
        return { do: "again", when: isClosedOnProof(broken) ? "now" : "soon" };
      case "trust":
        // A far side that closed without a byte now has judged no key, whatever the look found a moment ago.
        return { do: "say", error: isClosedOnProof(broken) || advice.result === "works" || !isOfKey(advice.result) ? sameAsLook(advice.result) : error };
      case "wait":
        return advice;
    }
  }

  /** Says how this connection's handshake ended; connections that wait learn it if this was a look. Undefined: it was given up. */
  ended(result: LookResult): void {
    if (result === "works") this.#memory?.noteSuccess();
    this.#look?.ended(result);
    this.#look = undefined;
  }
}

function isOfKey({ code }: TunnelError): boolean {
  return code === "KEY_MISMATCH" || code === "FORWARD_SECRECY_REFUSED";
}
