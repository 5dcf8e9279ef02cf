/**
 * The client side of a test: a socket that remembers the received bytes and how the connection ended.
 */
import { createHash } from "node:crypto";
import * as net from "node:net";
import { endError } from "../../../daemon/proxy/plain-side.ts";
import { parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";
import { until } from "./until.ts";

/** A connection and its history. */
export class Peer {
  readonly socket: net.Socket;
  receivedBytes = 0;
  /** The other side has ended its half. */
  hasEnded = false;
  isClosed = false;
  /** The code of the error that ended the connection, such as ECONNRESET. */
  errorCode: string | undefined;
  readonly #chunks: Buffer[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.receivedBytes += chunk.length;
      this.#chunks.push(chunk);
    });
    socket.on("end", () => {
      this.errorCode ??= endError(socket)?.code;
      if (this.errorCode === undefined) this.hasEnded = true;
      else socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code;
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  /** All received bytes. */
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.received.toString("latin1");
  }

  send(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Ends our half; the other half goes on. */
  end(bytes?: Uint8Array | string): void {
    if (bytes === undefined) this.socket.end();
    else this.socket.end(bytes);
  }

  /** Waits until `bytes` bytes have been received in all. */
  async has(bytes: number): Promise<Buffer> {
    await until(() => this.receivedBytes >= bytes || this.isClosed, { what: () => `${bytes} bytes had come (there were ${this.receivedBytes})` });
    if (this.receivedBytes < bytes) throw new Error(`closed after ${this.receivedBytes} of ${bytes} bytes (${this.errorCode ?? "no error"})`);
    return this.received;
  }

  /** Waits until the other side has ended its half or the connection is gone. */
  async ended(): Promise<Buffer> {
    await until(() => this.hasEnded || this.isClosed, { what: "the other side had ended" });
    return this.received;
  }

  /** Waits for the other side's end, ends our half, and waits until the connection is closed. */
  async closed(): Promise<Buffer> {
    await this.ended();
    this.socket.end();
    await until(() => this.isClosed, { what: "the connection was closed" });
    return this.received;
  }

  /** Ends our half first, and waits until the connection is closed. */
  closedByUs(): Promise<Buffer> {
    this.socket.end();
    return this.closed();
  }

  /** Sends `text` and waits for the same bytes to come back. */
  async echoes(text: string): Promise<void> {
    const before = this.receivedBytes;
    this.send(text);
    const all = await this.has(before + text.length);
    if (all.toString("latin1", before) !== text) throw new Error(`sent ${text}, got ${all.toString("latin1", before)}`);
  }
}

/** Connects; half-open connections are allowed. */
export async function connectTo(stage: Stage, text: string): Promise<Peer> {
  const address = parseAddress(text);
  const where = address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  const socket = net.connect({ ...where, allowHalfOpen: true, noDelay: true });
  stage.own(() => socket.destroy());
  const peer = new Peer(socket);
  await until(() => !socket.connecting, { what: `a connection to ${text} was there` });
  if (peer.errorCode !== undefined) throw new Error(`could not connect to ${text}: ${peer.errorCode}`);
  return peer;
}

/** Sends `bytes`, ends our half, and resolves to all bytes that come back until the other side ends. */
export async function exchange(stage: Stage, text: string, bytes: Uint8Array | string): Promise<Buffer> {
  const peer = await connectTo(stage, text);
  peer.end(bytes);
  return peer.ended();
}

/** For comparing large contents without printing them. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
