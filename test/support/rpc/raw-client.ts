/**
 * A client of the daemon that sends whatever a test wants: bytes, frames,
 * requests. It keeps all received messages.
 */
import * as net from "node:net";
import { FrameDecoder } from "../../../shared/contract/frame-decoder.ts";
import { until } from "../process/until.ts";
import type { Stage } from "../stage.ts";
import { PAYLOADS } from "./payloads.ts";

/** A response, or a notification (then it has a method). */
export interface Received {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: { readonly code?: string } };
}

/** `value` as one message; a string is used unchanged. */
export function frame(value: unknown): string {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** See the file's header. */
export class RawClient {
  readonly socket: net.Socket;
  readonly received: Received[] = [];
  isClosed = false;
  #lastId = 0;

  constructor(socket: net.Socket) {
    this.socket = socket;
    const decoder = new FrameDecoder(1024 * 1024 * 1024);
    socket.on("data", (chunk: Buffer) => decoder.push(chunk, (message) => void this.received.push(message as Received)));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  static async connect(stage: Stage, path: string): Promise<RawClient> {
    const socket = net.connect({ path });
    stage.own(() => socket.destroy());
    const client = new RawClient(socket);
    await until(() => !socket.connecting, { what: `there was a connection to ${path}` });
    return client;
  }

  /** Connects and says hello. */
  static async greeted(stage: Stage, path: string, who: Readonly<Record<string, unknown>> = {}): Promise<RawClient> {
    const client = await RawClient.connect(stage, path);
    await client.hello(who);
    return client;
  }

  async hello(who: Readonly<Record<string, unknown>> = {}): Promise<Received> {
    const { params } = PAYLOADS.requests.hello;
    return await this.ask("hello", { ...params, client: { ...(params["client"] as object), ...who } });
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Sends a request; `params` undefined leaves them out. Returns its id. */
  send(method: string, params?: unknown): number {
    this.#lastId += 1;
    this.write(frame({ jsonrpc: "2.0", id: this.#lastId, method, ...(params !== undefined && { params }) }));
    return this.#lastId;
  }

  /** Sends a request and waits for its response. */
  async ask(method: string, params?: unknown): Promise<Received> {
    return await this.response(this.send(method, params));
  }

  async response(id: number | string): Promise<Received> {
    const find = (): Received | undefined => this.received.find((message) => message.id === id && message.method === undefined);
    await until(() => find() !== undefined || this.isClosed, { what: `request ${id} was answered` });
    const found = find();
    if (!found) throw new Error(`the daemon closed the connection before it answered request ${id}`);
    return found;
  }

  notifications(name: string): readonly Received[] {
    return this.received.filter(({ method }) => method === name);
  }

  /** Waits until the daemon has closed the connection. */
  async closed(): Promise<void> {
    await until(() => this.isClosed, { what: "the daemon had closed the connection" });
  }
}
