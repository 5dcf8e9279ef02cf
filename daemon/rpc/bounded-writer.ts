/**
 * Writes messages to a client's socket, JSON-RPC with LSP framing. Every message
 * goes to the socket at once, so that the socket's own count covers all that
 * waits. (vscode-jsonrpc's writer queues the second message until the first is
 * read: for a client that does not read, that queue has no limit and can't be
 * seen.)
 */
import type * as net from "node:net";
import { AbstractMessageWriter, type Message, type MessageWriter } from "vscode-jsonrpc/node";

/** A message as it goes over the wire. */
export function frameOf(message: Message): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
}

/** See the file's header. Does not own the socket. */
export class BoundedWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #socket: net.Socket;
  readonly #maxUnreadBytes: number;
  readonly #onFull: () => void;

  /** `onFull` is called when more than `maxUnreadBytes` wait already; the message is then not written. */
  constructor(socket: net.Socket, { maxUnreadBytes, onFull }: { readonly maxUnreadBytes: number; readonly onFull: () => void }) {
    super();
    this.#socket = socket;
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#onFull = onFull;
  }

  /** Resolves when the message has left this process; rejects when it can't any more. */
  write(message: Message): Promise<void> {
    return this.send(frameOf(message));
  }

  /** Like `write`, for a message that is made once and goes to several clients. */
  send(frame: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket.writableLength > this.#maxUnreadBytes) {
        this.#onFull();
        reject(new RangeError("the client does not read"));
        return;
      }
      this.#socket.write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }

  end(): void {}
}
