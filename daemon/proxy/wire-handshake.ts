/**
 * Runs one handshake on a socket within its time limit: feeds bytes in, writes
 * what comes out, and ends in exactly one of `onDone` and `onFailed`. Owns a
 * timer and its listeners, not the socket.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { concat } from "../protocol/keys.ts";
import type { Handshake, HandshakeProgress, HandshakeStep } from "../protocol/wire.ts";

/** The step that ends a handshake well. */
export type HandshakeDone = Extract<HandshakeStep, { state: "done" }>;

/** What to run, and who is told. */
export interface WireHandshakeOptions {
  readonly wire: net.Socket;
  readonly handshake: Handshake;
  readonly timeoutMs: number;
  /** Bytes that went each way. */
  readonly onBytes: (count: { readonly inBytes: number; readonly outBytes: number }) => void;
  /** The socket is paused; `rest` is not put back. */
  readonly onDone: (step: HandshakeDone) => void;
  readonly onFailed: (error: TunnelError) => void;
  /** The other end closed or reset the connection: what that means is the caller's to say. */
  readonly explainBreak: (progress: HandshakeProgress, how: "closed" | "reset") => TunnelError;
  /** Looks at the first bytes of a peer before its nonce is whole, each time more have come; an error ends the handshake at once. */
  readonly refuseEarly?: (head: Uint8Array) => TunnelError | undefined;
  /** Looks at the first bytes of a peer that failed, before `onFailed` is told; gives the error that fits best. */
  readonly recognise?: (head: Uint8Array, error: TunnelError) => TunnelError;
}

/** Our choice: first bytes of a peer that are kept; enough to tell protocols apart. */
const HEAD_BYTES = 64;

/** See the file's header. */
export class WireHandshake {
  readonly #options: WireHandshakeOptions;
  #timer: NodeJS.Timeout | undefined;
  #head: Uint8Array = new Uint8Array(0);

  constructor(options: WireHandshakeOptions) {
    this.#options = options;
  }

  /** Sends the nonce and begins to read. */
  start(): void {
    const { wire, handshake, timeoutMs } = this.#options;
    wire.on("error", this.#onError);
    wire.on("data", this.#onData);
    wire.on("end", this.#onEnd);
    this.#timer = setTimeout(() => {
      const where = handshake.progress === "no-byte" ? "not one byte came" : "the other end stopped half-way";
      this.#fail(new TunnelError("HANDSHAKE_TIMEOUT", `the handshake took longer than ${timeoutMs / 1000} s: ${where}`));
    }, timeoutMs);
    this.#send(handshake.start());
    wire.resume();
  }

  /** Lets go of the socket without a word, and of the secrets. */
  stop(): void {
    const { wire, handshake } = this.#options;
    clearTimeout(this.#timer);
    handshake.wipe();
    wire.removeListener("error", this.#onError);
    wire.removeListener("data", this.#onData);
    wire.removeListener("end", this.#onEnd);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const { handshake, wire, onBytes, onDone, recognise, refuseEarly } = this.#options;
    onBytes({ inBytes: chunk.length, outBytes: 0 });
    if (recognise && this.#head.length < HEAD_BYTES) this.#head = concat([this.#head, chunk.subarray(0, HEAD_BYTES - this.#head.length)]);
    const isEarly = handshake.progress === "no-byte" || handshake.progress === "part-nonce";
    const stranger = isEarly ? refuseEarly?.(this.#head) : undefined;
    if (stranger) {
      this.stop();
      this.#options.onFailed(stranger);
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
    if (step.send) this.#send(step.send);
    if (step.state !== "done") return;
    wire.pause();
    this.stop();
    onDone(step);
  };

  readonly #onEnd = (): void => this.#break("closed");
  readonly #onError = (): void => this.#break("reset");

  #break(how: "closed" | "reset"): void {
    this.#fail(this.#options.explainBreak(this.#options.handshake.progress, how));
  }

  #fail(error: TunnelError): void {
    this.stop();
    const { recognise, onFailed } = this.#options;
    onFailed(recognise ? recognise(this.#head, error) : error);
  }

  #send(bytes: Uint8Array): void {
    this.#options.onBytes({ inBytes: 0, outBytes: bytes.length });
    this.#options.wire.write(bytes);
  }
}
