/**
 * Reads a client's requests from its socket, and stops reading while many of them
 * wait. Notifications are dropped: the contract has none from a client, and
 * $/cancelRequest may be ignored. After its first failure it reads no more.
 */
import type * as net from "node:net";
import { AbstractMessageReader, type DataCallback, type Disposable, Message, type MessageReader } from "vscode-jsonrpc/node";
import { FrameDecoder } from "../../shared/contract/frame-decoder.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message, type Message as TextMessage } from "../../shared/message.ts";
import { MAX_REQUESTS } from "./limits.ts";

/** See the file's header. Does not own the socket. */
export class RequestReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: net.Socket;
  readonly #decoder: FrameDecoder;
  #deliver: DataCallback = () => {};
  /** Ids of the requests that were delivered and have not been answered. */
  readonly #waiting = new Set<string>();
  #ended = false;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);

  constructor(socket: net.Socket, maxMessageBytes: number) {
    super();
    this.#socket = socket;
    this.#decoder = new FrameDecoder(maxMessageBytes);
  }

  override listen(deliver: DataCallback): Disposable {
    this.#deliver = deliver;
    this.#socket.on("data", this.#onData);
    return { dispose: () => this.dispose() };
  }

  /** The request has been answered, and the answer has left. */
  done(message: Message): void {
    if (!Message.isRequest(message)) return;
    this.#waiting.delete(keyOf(message.id));
    if (!this.#ended && this.#socket.isPaused() && this.#waiting.size < MAX_REQUESTS) this.#socket.resume();
  }

  override dispose(): void {
    this.#end();
    super.dispose();
  }

  #end(): void {
    this.#ended = true;
    this.#socket.removeListener("data", this.#onData);
  }

  #take(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk, (message) => this.#message(message as Message));
    } catch (error) {
      this.#end();
      this.fireError(error);
      return;
    }
    if (this.#waiting.size >= MAX_REQUESTS) this.#socket.pause();
  }

  #message(message: Message): void {
    if (Message.isNotification(message)) return;
    if (!Message.isRequest(message)) throw refused(NEITHER);
    const key = keyOf(message.id);
    if (this.#waiting.has(key)) throw refused(ID_IN_USE);
    this.#waiting.add(key);
    this.#deliver(message);
  }
}

/** vscode-jsonrpc takes 1 and "1" for the same request, so we do as well. */
function keyOf(id: string | number | null): string {
  return String(id);
}

const NEITHER = message("a message is refused: it is neither a request nor a notification");
const ID_IN_USE = message("a message is refused: its id is that of a request under way");

function refused(why: TextMessage): TunnelError {
  return new TunnelError("CONFIG_INVALID", why);
}
