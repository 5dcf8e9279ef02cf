/**
 * One client of the daemon: a JSON-RPC connection, its leases and subscriptions.
 * Validates what comes in and what goes out; says hello first. When the connection
 * ends its leases end. Whatever a client sends or does not read, its cost is
 * bounded (limits.ts) and no other client is affected.
 */
import type * as net from "node:net";
import { createMessageConnection, ErrorCodes, type Message, type MessageConnection, ResponseError } from "vscode-jsonrpc/node";
import {
  MAX_MESSAGE_BYTES,
  METHODS,
  type MethodName,
  NOTIFICATIONS,
  type NotificationName,
  type NotificationParams,
  type Params,
  type Result,
} from "../../shared/contract/methods.ts";
import type { TunnelUser } from "../../shared/contract/state.ts";
import { PROTOCOL_VERSION } from "../../shared/contract/version.ts";
import { type FailureWords, TunnelError, wordsOf } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { Holder } from "../tunnels/want.ts";
import { BoundedWriter, frameOf } from "./bounded-writer.ts";
import { FAREWELL_MS, HELLO_TIMEOUT_MS, MAX_UNREAD_BYTES } from "./limits.ts";
import { RequestReader } from "./request-reader.ts";

/** JSON-RPC's range for errors of the server; our own code is in `data`. */
const SERVER_ERROR = -32_000;

/** What a handler is given. */
export interface ClientHandle {
  readonly holder: Holder;
  readonly protocol: number;
  /** The client is gone: nothing may be kept for it any more. */
  readonly isGone: boolean;
  notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void;
  /** Runs when the client is gone; at once if it is gone already. */
  onGone(dispose: () => void): void;
}

/** The implementation of every request. */
export type Handlers = { readonly [M in MethodName]: (client: ClientHandle, params: Params<M>) => Promise<Result<M>> | Result<M> };

/** What a session needs. */
export interface SessionOptions {
  readonly handlers: Handlers;
  /** How long the tunnels of a client of this kind stay after it is gone. */
  readonly lingerMs: (kind: string) => number;
  readonly onHello: (session: Session) => void;
  readonly onClosed: (session: Session) => void;
  readonly onWarning: (message: string) => void;
  /** Default: {@link HELLO_TIMEOUT_MS}. */
  readonly helloTimeoutMs?: number | undefined;
}

/** One connected client. */
export class Session implements ClientHandle {
  #holder: Holder | undefined;
  #protocol = 0;
  readonly #socket: net.Socket;
  readonly #connection: MessageConnection;
  readonly #writer: BoundedWriter;
  readonly #options: SessionOptions;
  readonly #disposables: (() => void)[] = [];
  readonly #patience: NodeJS.Timeout;
  #gone = false;

  constructor(socket: net.Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    const helloTimeoutMs = options.helloTimeoutMs ?? HELLO_TIMEOUT_MS;
    this.#patience = setTimeout(() => this.#letGo(`no hello within ${helloTimeoutMs / 1000} s`), helloTimeoutMs);
    this.onGone(() => clearTimeout(this.#patience));
    const reader = new RequestReader(socket, MAX_MESSAGE_BYTES);
    this.#writer = new BoundedWriter(socket, { maxUnreadBytes: MAX_UNREAD_BYTES, onFull: () => this.#letGo("it does not read what it asked for") });
    this.#connection = createMessageConnection(reader, this.#writer, undefined, {
      messageStrategy: {
        handleMessage: async (message, next) => {
          try {
            await next(message);
          } finally {
            reader.done(message);
          }
        },
      },
    });
    socket.on("error", () => this.close());
    socket.on("close", () => this.close());
    this.#connection.onError(([error]) => this.#letGo(error.message));
    // One handler for all requests: the parameters then come as they were sent, by position or not at all.
    this.#connection.onRequest((name, params) => this.#answer(name, params));
    this.#connection.listen();
  }

  /** Before hello: nobody. */
  get holder(): Holder {
    if (!this.#holder) throw new TunnelError("DAEMON_VERSION", message("the first message of a client is hello"));
    return this.#holder;
  }

  get protocol(): number {
    return this.#protocol;
  }

  get isGone(): boolean {
    return this.#gone;
  }

  get saidHello(): boolean {
    return this.#holder !== undefined;
  }

  notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    if (!this.#gone) this.send(notificationFrame(name, params));
  }

  /** Sends a notification that was made before, see {@link notificationFrame}. */
  send(frame: Buffer): void {
    if (!this.#gone) void this.#writer.send(frame).catch(() => this.close());
  }

  onGone(dispose: () => void): void {
    if (this.#gone) dispose();
    else this.#disposables.push(dispose);
  }

  /** Ends the session. Answers that were given already still go out to a client that reads. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const dispose of this.#disposables.splice(0)) dispose();
    this.#connection.dispose();
    // Nothing more is taken from the client, but its end must be noticed.
    this.#socket.resume();
    this.#socket.destroySoon();
    const farewell = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(farewell));
    this.#options.onClosed(this);
  }

  /** Ends the session for something that the client did; data that waits for the client is dropped. */
  #letGo(reason: string): void {
    if (this.#gone) return;
    const who = this.#who();
    this.close();
    this.#socket.destroy();
    // Last: this warning is an entry of the log, and this very client may have subscribed to the log.
    this.#options.onWarning(`${who} was let go: ${reason}`);
  }

  #who(): string {
    if (!this.#holder) return "a client that has not said hello";
    const { kind, name, pid } = this.#holder.user;
    return `client ${quote(`${kind} ${name}`)} (process ${pid})`;
  }

  /** The result, or the error to be sent; never rejects. */
  async #answer(name: string, params: unknown): Promise<unknown> {
    if (!isMethod(name)) {
      this.#options.onWarning(`${this.#who()} asked for ${quote(name)}, which is not known here`);
      return new ResponseError(ErrorCodes.MethodNotFound, `this daemon knows no ${quote(name)}: it may be older than its client`, { code: "DAEMON_VERSION" });
    }
    try {
      return await this.#perform(name, params);
    } catch (error) {
      if (error instanceof ResponseError) return error;
      if (error instanceof TunnelError) return new ResponseError(SERVER_ERROR, error.message, dataOf(error));
      this.#options.onWarning(`${name} failed: ${plainText(String(error))}`);
      return new ResponseError(ErrorCodes.InternalError, `${name} failed inside the daemon: see its log`, {});
    }
  }

  /** @throws ResponseError, TunnelError */
  async #perform<M extends MethodName>(name: M, raw: unknown): Promise<unknown> {
    if (name !== "hello" && !this.#holder)
      throw new ResponseError(ErrorCodes.InvalidRequest, "the first message of a client is hello", { code: "DAEMON_VERSION" });
    const parsed = METHODS[name].params.safeParse(raw ?? {});
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const message = `${name}: ${issue?.path.join(".") || "params"}: ${issue?.message ?? "not valid"}`;
      this.#options.onWarning(`${this.#who()} sent parameters that are not valid: ${plainText(message)}`);
      throw new ResponseError(ErrorCodes.InvalidParams, message, { code: "CONFIG_INVALID" });
    }
    if (name === "hello") this.#hello(parsed.data as Params<"hello">);
    const result = await this.#options.handlers[name](this, parsed.data as Params<M>);
    return METHODS[name].result.parse(result);
  }

  #hello({ client, protocol }: Params<"hello">): void {
    if (this.#holder) throw new TunnelError("DAEMON_VERSION", message("a client says hello once"));
    if (protocol !== PROTOCOL_VERSION) {
      this.#options.onWarning(`a client ${quote(`${client.kind} ${client.name}`)} speaks protocol ${protocol}, this daemon ${PROTOCOL_VERSION}`);
      throw new TunnelError("DAEMON_VERSION", message("this daemon speaks protocol {0}, not {1}: use the same version of both", PROTOCOL_VERSION, protocol));
    }
    clearTimeout(this.#patience);
    const user: TunnelUser = { kind: client.kind, name: client.name, pid: client.pid };
    this.#holder = { user, lingerMs: this.#options.lingerMs(client.kind) };
    this.#protocol = protocol;
    this.#options.onHello(this);
  }
}

/** A notification, validated and ready for any number of clients. */
export function notificationFrame<N extends NotificationName>(name: N, params: NotificationParams<N>): Buffer {
  return frameOf({ jsonrpc: "2.0", method: name, params: NOTIFICATIONS[name].params.parse(params) } as Message);
}

function isMethod(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}

/** What stands beside the message of a JSON-RPC error. */
function dataOf(error: TunnelError): Omit<FailureWords, "message"> {
  const { message: _, ...data } = wordsOf(error);
  return data;
}
