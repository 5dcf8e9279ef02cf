/**
 * A connected socket under observation: what has been received, whether the socket
 * has ended, and how. One waiter at a time; bounded memory. Its creator closes it.
 */
import type * as net from "node:net";
import { type Wait, Waiter } from "./waiter.ts";

/** How the other end went away. */
export type Ending = "closed" | "reset";

/** Our choice: reading stops beyond this; no stage needs a hundredth of it. */
const MAX_BYTES = 64 * 1024;

/** See the file's header. */
export class FarSocket {
  readonly socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #ending: Ending | undefined;
  readonly #waiter = new Waiter();

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onError);
    socket.resume();
    // An end from before we listened is not reported again.
    if (socket.destroyed) this.#end("reset");
  }

  /** All bytes received so far; don't change them. */
  get received(): Uint8Array {
    return this.#received;
  }

  /** How it ended; undefined while it is open. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  send(bytes: Uint8Array): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /**
   * Waits until `holds` is true, the other end goes or the time is over.
   * @throws the signal's reason
   */
  until(holds: () => boolean, wait: Wait): Promise<void> {
    return this.#waiter.until(() => this.#ending !== undefined || holds(), wait);
  }

  /** Stops observing and leaves the socket, paused, to a new owner; an ending that was seen already is not reported again. */
  release(): net.Socket {
    this.socket.pause();
    this.socket.off("data", this.#onData);
    this.socket.off("end", this.#onEnd);
    return this.socket;
  }

  close(): void {
    this.socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length > MAX_BYTES) this.socket.pause();
    this.#waiter.changed();
  };

  readonly #onEnd = (): void => this.#end("closed");

  /** Also "close", which comes alone when the socket was destroyed here. */
  readonly #onError = (): void => this.#end("reset");

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#waiter.changed();
  }
}
