/**
 * Runs one handshake on a socket within its time limit: feeds bytes in, writes
 * the bytes that come out, and ends in exactly one of `onDone` and `onFailed`.
 * Owns a deadline and its listeners, not the socket.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { type Clock, deadline } from "../../shared/time.ts";
import { concat } from "../protocol/keys.ts";
import type { Begun, Handshake, HandshakeProgress, HandshakeStep, Wire } from "../protocol/wire.ts";
import { endError } from "./plain-side.ts";

/** The step that ends a handshake with success. */
export type HandshakeDone = Extract<HandshakeStep, { state: "done" }>;
/** The same on the native wire. */
export type NativeDone = Extract<HandshakeStep, { state: "native" }>;

/** Where our proof of the key (C4, of a client) was when the other end went away. */
export type ProofFate =
  | { readonly at: "unmade" }
  /** The proof was held back: the other end had nothing to judge. */
  | { readonly at: "held" }
  /** The proof had been sent, and `answerBytes` of an answer had come. */
  | { readonly at: "sent"; readonly answerBytes: number };

/** How a handshake broke off. */
export interface HandshakeBreak {
  readonly progress: HandshakeProgress;
  readonly how: "closed" | "reset";
  readonly proof: ProofFate;
  /** From the first byte we sent until now. */
  readonly lastedMs: number;
  /** From the first byte we sent to the other end's whole nonce: no less than a round trip. */
  readonly nonceMs: number | undefined;
  /** native: both ends had agreed on that wire. */
  readonly wire: Wire;
}

/** What to run, and the callbacks. */
export interface WireHandshakeOptions {
  readonly wire: net.Socket;
  readonly handshake: Handshake;
  readonly clock: Clock;
  /** Time limit of the whole handshake; when C4 is held back, of the part before and of the part after. */
  readonly timeoutMs: number;
  /** How long C4 is held back, given how long the nonce took; left out: not at all. */
  readonly holdProofMs?: (nonceMs: number) => number;
  /** Bytes that went each way. */
  readonly onBytes: (count: { readonly inBytes: number; readonly outBytes: number }) => void;
  /** The socket is paused; `rest` is not put back. */
  readonly onDone: (step: HandshakeDone) => void;
  /** The same, when both ends speak the native wire. */
  readonly onNative: (step: NativeDone) => void;
  /** Server: another process goes on. The socket is paused. */
  readonly onElsewhere?: (begun: Begun) => void;
  readonly onFailed: (error: TunnelError) => void;
  /** The other end closed or reset the connection: the caller says what that means; undefined: the caller goes on, and nothing more is reported. */
  readonly explainBreak: (broken: HandshakeBreak) => TunnelError | undefined;
  /** Looks at the peer's first bytes before its nonce is whole, each time more bytes have come; an error ends the handshake at once. */
  readonly refuseEarly?: (head: Uint8Array) => TunnelError | undefined;
  /** Looks at the first bytes of a peer that failed, before `onFailed` is told; gives the error that fits best. */
  readonly recognise?: (head: Uint8Array, error: TunnelError) => TunnelError;
}

/** Our choice: how many first bytes of a peer are kept; enough to tell protocols apart. */
const HEAD_BYTES = 64;

/** See the file's header. */
export class WireHandshake {
  readonly #options: WireHandshakeOptions;
  #endDeadline = (): void => {};
  #head: Uint8Array = new Uint8Array(0);
  #startedMs = 0;
  #nonceMs: number | undefined;
  #heldMs = 0;
  #proof: ProofFate["at"] = "unmade";
  #answerBytes = 0;

  constructor(options: WireHandshakeOptions) {
    this.#options = options;
  }

  /** How long C4 was held back on purpose. */
  get heldMs(): number {
    return this.#heldMs;
  }

  /** Sends the nonce and begins to read. */
  start(): void {
    const { wire, handshake, clock } = this.#options;
    wire.on("error", this.#onError);
    wire.on("data", this.#onData);
    wire.on("end", this.#onEnd);
    this.#limitTime();
    this.#startedMs = clock.monotonicMs();
    this.#send(handshake.start());
    handshake.prepare();
    wire.resume();
  }

  /** Lets go of the socket silently, and wipes the secrets. */
  stop(): void {
    const { wire, handshake } = this.#options;
    this.#endDeadline();
    handshake.wipe();
    wire.removeListener("error", this.#onError);
    wire.removeListener("data", this.#onData);
    wire.removeListener("end", this.#onEnd);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const { handshake, wire, onBytes, onDone, onNative, recognise, refuseEarly } = this.#options;
    onBytes({ inBytes: chunk.length, outBytes: 0 });
    if (recognise && this.#head.length < HEAD_BYTES) this.#head = concat([this.#head, chunk.subarray(0, HEAD_BYTES - this.#head.length)]);
    const isEarly = handshake.progress === "no-byte" || handshake.progress === "part-nonce";
    const stranger = isEarly ? refuseEarly?.(this.#head) : undefined;
    if (stranger) {
      this.stop();
      this.#options.onFailed(stranger);
      return;
    }
    if (this.#proof === "held") {
      // Rule (b) of the design: spiped says nothing between its nonce and our proof.
      this.#fail(new TunnelError("NOT_SPIPED", message("the far side sent more than a nonce before it was asked: it does not speak spiped's protocol")));
      return;
    }
    let step: HandshakeStep;
    try {
      step = handshake.receive(chunk);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fail(error);
      return;
    }
    if (this.#proof === "sent") this.#answerBytes += chunk.length;
    if (step.state === "pending") {
      if (step.send && step.proves === true) this.#prove(step.send);
      else if (step.send) this.#send(step.send);
      return;
    }
    wire.pause();
    if (step.state === "elsewhere") {
      this.stop();
      this.#options.onElsewhere?.(step.begun);
      return;
    }
    if (step.send) this.#send(step.send);
    if (step.state === "native") {
      this.stop();
      onNative(step);
      return;
    }
    // Read now: the channel is made from secrets that `stop` wipes.
    const { channel } = step;
    this.stop();
    onDone({ ...step, channel });
  };

  readonly #onEnd = (): void => this.#break(endError(this.#options.wire) ? "reset" : "closed");
  readonly #onError = (): void => this.#break("reset");

  /** The other end's nonce is whole: C4 is sent, now or once it has been held back long enough. */
  #prove(c4: Uint8Array): void {
    const { clock, holdProofMs } = this.#options;
    this.#nonceMs = clock.monotonicMs() - this.#startedMs;
    const send = (): void => {
      this.#proof = "sent";
      this.#send(c4);
    };
    if (!holdProofMs) {
      send();
      return;
    }
    this.#proof = "held";
    const fromMs = clock.monotonicMs();
    this.#endDeadline();
    this.#endDeadline = deadline(holdProofMs(this.#nonceMs), () => {
      this.#heldMs = clock.monotonicMs() - fromMs;
      this.#limitTime();
      send();
    });
  }

  #limitTime(): void {
    const { handshake, timeoutMs } = this.#options;
    this.#endDeadline = deadline(timeoutMs, () => {
      const seconds = timeoutMs / 1000;
      const what =
        handshake.progress === "no-byte"
          ? message("the handshake took longer than {0} s: not one byte came", seconds)
          : message("the handshake took longer than {0} s: the other end stopped half-way", seconds);
      this.#fail(new TunnelError("HANDSHAKE_TIMEOUT", what));
    });
  }

  #break(how: "closed" | "reset"): void {
    const { handshake, clock, explainBreak } = this.#options;
    const nowMs = clock.monotonicMs();
    const proof: ProofFate = this.#proof === "sent" ? { at: "sent", answerBytes: this.#answerBytes } : { at: this.#proof };
    const broken = { progress: handshake.progress, how, proof, lastedMs: nowMs - this.#startedMs, nonceMs: this.#nonceMs, wire: handshake.wire };
    this.stop();
    const error = explainBreak(broken);
    if (error) this.#fail(error);
  }

  #fail(error: TunnelError): void {
    this.stop();
    const { recognise, onFailed } = this.#options;
    onFailed(recognise ? recognise(this.#head, error) : error);
  }

  #send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#options.onBytes({ inBytes: 0, outBytes: bytes.length });
    this.#options.wire.write(bytes);
  }
}
