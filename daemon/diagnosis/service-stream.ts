/**
 * The plain side of a proved connection, or of one to a service itself, as a
 * stream that can be asked for its first bytes, how it ended, and what was wrong
 * with it. Owns the socket and the channel from its creation on.
 */
import type * as net from "node:net";
import { Duplex } from "node:stream";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { Channel } from "../protocol/wire.ts";
import type { Ending } from "./far-socket.ts";
import { type Wait, Waiter } from "./waiter.ts";

/** Our choice: a probe needs less than a kilobyte, and a far side must not fill our memory. */
const MAX_PLAIN_BYTES = 64 * 1024;

/** What a stream is made of. */
export interface ServiceStreamOptions {
  /** Paused, half-open allowed. */
  readonly socket: net.Socket;
  readonly channel: Channel;
  /** Sealed bytes that were received already. */
  readonly rest: Uint8Array;
  /** How the socket ended, if it ended while its last bytes were looked at. */
  readonly ending: Ending | undefined;
  /** How long a polite end waits for the other end to close. */
  readonly lingerMs: number;
}

/** See the file's header. */
export class ServiceStream extends Duplex {
  readonly #socket: net.Socket;
  readonly #channel: Channel;
  readonly #lingerMs: number;
  #said: Buffer = Buffer.alloc(0);
  #ending: Ending | undefined;
  #fault: TunnelError | undefined;
  #linger: NodeJS.Timeout | undefined;
  readonly #waiter = new Waiter();

  constructor(options: ServiceStreamOptions) {
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#socket = options.socket;
    this.#channel = options.channel;
    this.#lingerMs = options.lingerMs;
    // The user of the stream may be gone when the stream fails.
    this.on("error", () => {});
    const { socket } = options;
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("end", () => this.#end("closed"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => this.#end("reset"));
    this.#take(options.rest);
    if (options.ending !== undefined) this.#end(options.ending);
    socket.resume();
  }

  /** All plain text so far; don't change it. */
  get said(): Uint8Array {
    return this.#said;
  }

  /** How it ended; undefined while it is open. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** RECORD_INVALID or TRUNCATED, where the sealed stream itself was wrong. */
  get fault(): TunnelError | undefined {
    return this.#fault;
  }

  /** Waits until `holds` is true, the stream ends or the time is over. @throws the signal's reason */
  until(holds: () => boolean, wait: Wait): Promise<void> {
    return this.#waiter.until(() => this.#ending !== undefined || holds(), wait);
  }

  /** As in net.Socket: ends, and is destroyed when the other end has ended, or after a while. Nothing that was written is lost. */
  destroySoon(): void {
    if (!this.writableEnded) this.end();
    if (this.#ending !== undefined) this.destroy();
    else this.#linger ??= setTimeout(() => this.destroy(), this.#lingerMs);
  }

  /** Ends politely; resolves when all is gone. */
  async finish(): Promise<void> {
    if (this.destroyed) return;
    const closed = new Promise<void>((resolve) => this.once("close", resolve));
    this.destroySoon();
    await closed;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#socket.destroyed) done();
    else this.#socket.write(this.#channel.seal(chunk), () => done());
  }

  override _final(done: () => void): void {
    if (this.#socket.destroyed) done();
    else this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#linger);
    this.#channel.wipe();
    this.#socket.destroy();
    done(error);
  }

  #take(sealed: Uint8Array): void {
    if (this.#ending !== undefined || this.destroyed) return;
    try {
      const plain = this.#channel.open(sealed);
      if (plain.length === 0) return;
      this.#said = Buffer.concat([this.#said, plain]);
      this.push(plain);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#fault = error;
      this.#socket.destroy();
      this.#end("closed");
      return;
    }
    if (this.#said.length > MAX_PLAIN_BYTES) this.#socket.pause();
    this.#waiter.changed();
  }

  #end(how: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    const { pendingBytes } = this.destroyed ? { pendingBytes: 0 } : this.#channel;
    if (pendingBytes > 0)
      this.#fault ??= new TunnelError("TRUNCATED", message("the encrypted stream ended {0} bytes into a packet: it was cut on the way", pendingBytes));
    if (!this.destroyed) this.push(null);
    if (this.#linger) this.destroy();
    this.#waiter.changed();
  }
}
