/**
 * The plain side of a proved connection, or of one to a service itself, as a
 * stream that can be asked for its first bytes, how it ended, and what was wrong
 * with it. Owns its link from its creation on.
 */
import { Duplex } from "node:stream";
import type { TunnelError } from "../../shared/errors.ts";
import type { Ending } from "./far-socket.ts";
import type { Link } from "./link.ts";
import { type Wait, Waiter } from "./waiter.ts";

/** Our choice: a probe needs less than a kilobyte, and a far side must not fill our memory. */
const MAX_PLAIN_BYTES = 64 * 1024;

/** What a stream is made of. */
export interface ServiceStreamOptions {
  readonly link: Link;
  /** How long a polite end waits for the other end to close. */
  readonly lingerMs: number;
}

/** See the file's header. */
export class ServiceStream extends Duplex {
  readonly #link: Link;
  readonly #lingerMs: number;
  #said: Buffer = Buffer.alloc(0);
  #ending: Ending | undefined;
  #fault: TunnelError | undefined;
  #linger: NodeJS.Timeout | undefined;
  readonly #waiter = new Waiter();

  constructor(options: ServiceStreamOptions) {
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#link = options.link;
    this.#lingerMs = options.lingerMs;
    // The user of the stream may be gone when the stream fails.
    this.on("error", () => {});
    this.#link.start({ data: (plain) => this.#take(plain), ended: (how, fault) => this.#end(how, fault) });
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
    this.#link.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#link.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#linger);
    this.#link.destroy();
    done(error);
  }

  #take(plain: Uint8Array): void {
    if (this.#ending !== undefined || this.destroyed) return;
    this.#said = Buffer.concat([this.#said, plain]);
    this.push(plain);
    if (this.#said.length > MAX_PLAIN_BYTES) this.#link.pause();
    this.#waiter.changed();
  }

  #end(how: Ending, fault: TunnelError | undefined): void {
    if (this.#ending !== undefined) return;
    this.#ending = how;
    this.#fault = fault;
    if (!this.destroyed) this.push(null);
    if (this.#linger) this.destroy();
    this.#waiter.changed();
  }
}
