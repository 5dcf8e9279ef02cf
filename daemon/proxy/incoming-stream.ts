/**
 * A stream that the other end has opened, until a connection takes it over or it
 * is refused: reads which target it is for, and holds what comes behind that.
 * What is held counts against the stream's window, so it is bounded.
 */

import type { TunnelError } from "../../shared/errors.ts";
import type { AskedTarget } from "../../shared/far-target.ts";
import { concat } from "../protocol/keys.ts";
import type { MuxStream, StreamUser } from "../protocol/mux-stream.ts";
import { CONNECTED, readTarget, writeRefusal } from "../protocol/stream-words.ts";
import type { NativeSession } from "./native-session.ts";

/** Whom an incoming stream tells. */
export interface IncomingStreamOwner {
  /** Its target is known; `asked` undefined: the entry's own. Called once, at most. */
  onTarget(stream: IncomingStream, asked: AskedTarget | undefined): void;
  /** Its target is of a kind that we don't know. Called once, at most. */
  onStrangeTarget(stream: IncomingStream): void;
  /** The other end has given it up before it was taken over or refused. */
  onGone(): void;
}

/** Our choice: how long the other end has to read why a stream is refused. */
const REFUSAL_MS = 2_000;

const NO_BYTES = new Uint8Array(0);

/** See the file's header. It becomes the stream's user. */
export class IncomingStream implements StreamUser {
  readonly stream: MuxStream;
  readonly session: NativeSession;
  owner: IncomingStreamOwner;
  #held: Uint8Array = NO_BYTES;
  #state: "target" | "holding" | "refused" = "target";

  constructor(stream: MuxStream, session: NativeSession, owner: IncomingStreamOwner) {
    this.stream = stream;
    this.session = session;
    this.owner = owner;
    stream.user = this;
  }

  /** The backend is connected: tells the other end, and gives out what has come; these bytes are not consumed. */
  accept(): Uint8Array {
    this.session.hold("a moment", () => this.stream.write(CONNECTED));
    return this.#held;
  }

  /** Tells the other end why, and ends the stream; `about` is what the failure is about. */
  refuse(error: TunnelError, about: string): void {
    if (this.#state === "refused" || this.stream.isOver) return;
    this.#state = "refused";
    this.session.consumed(this.stream, this.stream.heldBytes);
    this.#held = NO_BYTES;
    this.stream.write(writeRefusal(error.code, about));
    this.stream.end();
    setTimeout(() => this.stream.reset(), REFUSAL_MS).unref();
  }

  onData(bytes: Uint8Array): void {
    if (this.#state === "refused") {
      this.session.consumed(this.stream, bytes.length);
      return;
    }
    this.#held = concat([this.#held, bytes]);
    if (this.#state !== "target") return;
    const target = readTarget(this.#held);
    if (target.is === "unknown") return;
    this.#state = "holding";
    if (target.is === "strange") {
      this.owner.onStrangeTarget(this);
      return;
    }
    this.session.consumed(this.stream, target.size);
    this.#held = this.#held.subarray(target.size);
    this.owner.onTarget(this, target.asked);
  }

  onEnd(): void {
    if (this.#state === "target") this.stream.reset();
  }

  onReset(): void {
    if (this.#state === "holding") this.owner.onGone();
  }

  onWritable(): void {}
}
