/**
 * A JSON-RPC connection to a daemon, typed by the contract. It never reconnects;
 * daemon-client.ts does that. It imports only types of the contract, so that a
 * command starts without the schema library.
 */
import * as net from "node:net";
import { createMessageConnection, ErrorCodes, type MessageConnection, ResponseError, StreamMessageWriter } from "vscode-jsonrpc/node";
import type { MethodName, Params, Result } from "../../shared/contract/methods.ts";
import { errorFrom, isErrorCode, type ReceivedWords, TunnelError } from "../../shared/errors.ts";
import { message, messageFrom } from "../../shared/message.ts";
import { DaemonMessageReader } from "./message-reader.ts";

/** Our choice: a daemon on this machine accepts at once; if it takes this long, it hangs. */
const CONNECT_TIMEOUT_MS = 5_000;

/** Proves on a fresh connection that both ends are who they should be; rejects otherwise. Needed for Windows' pipes. */
export type Prove = (socket: net.Socket) => Promise<void>;

/** Takes a notification by name; must not throw. */
export type OnNotification = (name: string, params: unknown) => void;

/** See the file's header. Owns the socket: `close` it. */
export class RpcClient {
  readonly #socket: net.Socket;
  readonly #connection: MessageConnection;
  readonly #closed: Promise<void>;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    const reader = new DaemonMessageReader(socket);
    this.#connection = createMessageConnection(reader, new StreamMessageWriter(socket), undefined, {
      messageStrategy: {
        handleMessage: async (message, next) => {
          try {
            await next(message);
          } finally {
            reader.done();
          }
        },
      },
    });
    this.#closed = new Promise((resolve) => {
      socket.once("close", () => {
        reader.whenIdle(() => {
          // Rejects the requests that were not answered.
          this.#connection.dispose();
          resolve();
        });
      });
    });
    socket.on("error", () => {});
    this.#connection.onError(() => socket.destroy());
  }

  /**
   * Connects to a daemon's socket or pipe.
   * @throws TunnelError DAEMON_UNREACHABLE; its `cause` has the system's code (ENOENT and ECONNREFUSED: no daemon runs)
   */
  static async connect(socketPath: string, prove?: Prove): Promise<RpcClient> {
    const socket = await connectSocket(socketPath);
    await prove?.(socket);
    return new RpcClient(socket);
  }

  /** Whether either side has ended the connection, perhaps before all earlier messages have been handled. */
  get isEnding(): boolean {
    return this.#socket.readableEnded || !this.#socket.writable;
  }

  /** Resolves when either side has ended the connection and all earlier messages have been handled. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Begins to read. `onNotification` gets every notification, including those of a newer daemon that this client does not know. */
  listen(onNotification: OnNotification = () => {}): void {
    this.#connection.onNotification((name, params) => onNotification(name, params));
    this.#connection.listen();
  }

  /** @throws TunnelError with the daemon's code; DAEMON_UNREACHABLE when the connection ends first */
  async request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    try {
      return await this.#connection.sendRequest<Result<M>>(name, params);
    } catch (error) {
      throw translated(error, name);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

function connectSocket(socketPath: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: socketPath });
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new TunnelError("DAEMON_UNREACHABLE", message("no daemon answers at {0}", socketPath), { cause }));
    };
    const timer = setTimeout(() => fail(new Error("no answer")), CONNECT_TIMEOUT_MS);
    socket.once("error", fail);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("error", fail);
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** The library's codes for requests that could not be sent, or were not answered before the connection ended. */
const LOST: ReadonlySet<number> = new Set([ErrorCodes.PendingResponseRejected, ErrorCodes.MessageWriteError]);

function translated(error: unknown, name: string): TunnelError {
  if (error instanceof TunnelError) return error;
  if (error instanceof ResponseError && !LOST.has(error.code)) {
    const { code, reason, hint } = (error.data ?? {}) as { readonly code?: unknown; readonly reason?: unknown; readonly hint?: unknown };
    const words: ReceivedWords = {
      code: isErrorCode(code) ? code : "DAEMON_UNREACHABLE",
      message: error.message,
      reason: messageFrom(reason),
      hint: typeof hint === "string" ? hint : undefined,
    };
    return errorFrom(words, { cause: error });
  }
  return new TunnelError("DAEMON_UNREACHABLE", message("the daemon went away during {0}: try again", name), { cause: error });
}
