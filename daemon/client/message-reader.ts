/**
 * Reads the daemon's messages from a socket and knows when all received messages
 * have been handled. A daemon's last message ("daemon/closing", an answer) must
 * not be lost because its connection ends right after it.
 */
import type * as net from "node:net";
import { AbstractMessageReader, type DataCallback, type Disposable, type Message, type MessageReader } from "vscode-jsonrpc/node";
import { FrameDecoder } from "../../shared/contract/frame-decoder.ts";

/** Our choice: ten thousand long lines of log. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** See the file's header. Does not own the socket. */
export class DaemonMessageReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: net.Socket;
  readonly #decoder = new FrameDecoder(MAX_MESSAGE_BYTES);
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  constructor(socket: net.Socket) {
    super();
    this.#socket = socket;
  }

  override listen(deliver: DataCallback): Disposable {
    const onData = (chunk: Buffer): void => {
      try {
        this.#decoder.push(chunk, (message) => {
          this.#underWay += 1;
          deliver(message as Message);
        });
      } catch (error) {
        this.fireError(error);
      }
    };
    this.#socket.on("data", onData);
    return { dispose: () => this.#socket.removeListener("data", onData) };
  }

  /** One delivered message has been handled. */
  done(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }

  /** Calls `act` when all delivered messages have been handled. No new message may arrive after this call. */
  whenIdle(act: () => void): void {
    if (this.#underWay === 0) act();
    else this.#onIdle = act;
  }
}
