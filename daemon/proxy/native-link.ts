/**
 * One connection of a session of the native wire: a socket, and the keys of its
 * records. Plain texts of records in and out; knows nothing of what they say.
 * Owns the socket: `leave` it.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { SESSION_OVER } from "../protocol/native-records.ts";
import { NoiseOpener, NoiseSealer } from "../protocol/noise-record.ts";
import type { NativeStart } from "../protocol/wire.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { endError, tuneSocket } from "./plain-side.ts";

/** A connection whose handshake has ended. */
export interface NativeConnection {
  /** Connected, paused, and nobody else's. */
  readonly wire: net.Socket;
  readonly native: NativeStart;
  /** Bytes of the wire that came right behind the handshake. */
  readonly rest: Uint8Array;
}

/** Whom a link tells; nothing after `leave`. */
export interface NativeLinkUser {
  /** Bytes that went over the wire each way. */
  onBytes(inBytes: number, outBytes: number): void;
  /** Bytes have come, perhaps no whole record. */
  onHeard(): void;
  /** The next record. A TunnelError that it throws is told as `onWrong`. */
  onRecord(text: Uint8Array): void;
  /** All records of what has come are told. */
  onRead(): void;
  /** What came is not what the other end has sent: somebody on the way has changed it. */
  onForged(error: TunnelError): void;
  /** `onRecord` has thrown this. */
  onWrong(error: TunnelError): void;
  /** The connection is over. An error: it was reset. `isWhole`: it ended between two records. */
  onEnd(cause: NodeJS.ErrnoException | undefined, isWhole: boolean): void;
  /** More can be written. */
  onDrain(): void;
}

/** Our choice, measured: from here on a copy costs more than writing three pieces. */
const LONG_RECORD_BYTES = 8 * 1024;

/** Our choice: how long the last words of a session have to go out. */
const LAST_WORDS_MS = 2_000;

/** See the file's header. Create, then `start`. */
export class NativeLink {
  readonly #wire: net.Socket;
  readonly #user: NativeLinkUser;
  readonly #sealer: NoiseSealer;
  readonly #opener: NoiseOpener;
  #isLeft = false;

  constructor({ wire, native }: NativeConnection, user: NativeLinkUser) {
    this.#wire = wire;
    this.#user = user;
    this.#sealer = new NoiseSealer(native.transport.send);
    this.#opener = new NoiseOpener(native.transport.receive);
  }

  /** Begins to read. */
  start(rest: Uint8Array, keepAlive: boolean): void {
    const wire = this.#wire;
    tuneSocket(wire, keepAlive);
    wire.on("data", this.#onData);
    wire.on("end", this.#onEnd);
    wire.on("error", this.#onError);
    wire.on("close", this.#onEnd);
    wire.on("drain", this.#onDrain);
    if (rest.length > 0) this.#onData(rest);
    if (!this.#isLeft) wire.resume();
  }

  /** Whether the other end, or the way to it, has enough to do. */
  get isFull(): boolean {
    return this.#wire.writableLength >= WRITE_QUEUE_BYTES;
  }

  /** What is written until `uncork` goes out together. */
  cork(): void {
    this.#wire.cork();
  }

  uncork(): void {
    this.#wire.uncork();
  }

  /** Seals and sends a record. */
  write(text: Uint8Array): void {
    if (text.length < LONG_RECORD_BYTES) {
      const sealed = this.#sealer.seal(text);
      this.#user.onBytes(0, sealed.length);
      this.#wire.write(sealed);
      return;
    }
    this.#wire.cork();
    for (const piece of this.#sealer.sealInPieces(text)) {
      this.#user.onBytes(0, piece.length);
      this.#wire.write(piece);
    }
    this.#wire.uncork();
  }

  /** For idle time. */
  ahead(): void {
    this.#sealer.ahead();
    this.#opener.ahead();
  }

  /** Lets go of the connection: nothing more of it is read or counted. */
  leave(how: "cut" | "last words"): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    const wire = this.#wire;
    wire.removeListener("data", this.#onData);
    wire.removeListener("end", this.#onEnd);
    wire.removeListener("error", this.#onError);
    wire.removeListener("close", this.#onEnd);
    wire.removeListener("drain", this.#onDrain);
    wire.on("error", () => {}); // a destroyed socket may still report one
    if (how === "last words" && wire.writable) this.#sayOver();
    else wire.destroy();
    this.#sealer.wipe();
    this.#opener.wipe();
  }

  #sayOver(): void {
    const wire = this.#wire;
    const sealed = this.#sealer.seal(SESSION_OVER);
    this.#user.onBytes(0, sealed.length);
    wire.end(sealed, () => wire.destroy());
    wire.resume();
    // Whoever does not read does not keep us.
    setTimeout(() => wire.destroy(), LAST_WORDS_MS).unref();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.#user.onHeard();
    this.#user.onBytes(chunk.length, 0);
    let texts: readonly Uint8Array[];
    try {
      texts = this.#opener.open(chunk);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#user.onForged(error);
      return;
    }
    try {
      for (const text of texts) {
        this.#user.onRecord(text);
        if (this.#isLeft) return;
      }
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#user.onWrong(error);
      return;
    }
    this.#user.onRead();
  };

  readonly #onError = (cause: NodeJS.ErrnoException): void => this.#user.onEnd(cause, false);

  readonly #onEnd = (): void => {
    if (!this.#isLeft) this.#user.onEnd(endError(this.#wire), this.#opener.pendingBytes === 0);
  };

  readonly #onDrain = (): void => this.#user.onDrain();
}
