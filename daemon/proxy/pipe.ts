/**
 * One direction of a connection: reads from `source`, transforms, writes to
 * `sink`, and passes the end of the stream on as a half-close. Bounded: while
 * the sink's queue is full the source is not read. Knows nothing of protocols;
 * the owner of the streams handles their errors.
 *
 *     flowing ──► ended (source at its end) ──► done (all of it handed to the sink's kernel buffer)
 *        └──────────┴──► stopped
 */
import type { Readable, Writable } from "node:stream";

/** What a {@link Pipe} joins. */
export interface PipeOptions {
  readonly source: Readable;
  readonly sink: Writable;
  /** Bytes in, bytes out, perhaps none; an error that it throws goes to `onError`. */
  readonly transform: (chunk: Uint8Array) => Uint8Array;
  /** The source has ended and nothing more will be written. An owner that knows the stream is incomplete calls `stop` here, so the end is not passed on. */
  readonly onEnd: () => void;
  /** Everything has been written and the sink has been closed. */
  readonly onDone: () => void;
  readonly onError: (error: unknown) => void;
  /** A write has failed at once; in the next turn of the event loop the sink tells its owner and closes. */
  readonly onSinkFailed?: () => void;
}

/** A one-way pipe. Starts with `start`, ends by itself or with `stop`. */
export class Pipe {
  readonly #options: PipeOptions;
  #state: "flowing" | "ended" | "done" | "stopped" = "flowing";
  #blocked = false;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  get state(): "flowing" | "ended" | "done" | "stopped" {
    return this.#state;
  }

  /** Begins to read; `first` are bytes of the source that were read before. */
  start(first: Uint8Array): void {
    const { source, sink } = this.#options;
    source.on("data", this.#onData);
    source.once("end", this.#onEnd);
    sink.on("drain", this.#onDrain);
    if (first.length > 0) this.#onData(first);
    // "end" is not emitted again if it came while nobody listened.
    if (source.readableEnded) this.#onEnd();
    else if (this.#state === "flowing" && !this.#blocked) source.resume();
  }

  /** Takes bytes of the source that the source will not emit itself. */
  take(chunk: Uint8Array): void {
    if (this.#state === "flowing") this.#onData(chunk);
  }

  /** Stops reading and writing at once; leaves both streams open. */
  stop(): void {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#detach();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    const { source, sink, transform, onError } = this.#options;
    try {
      const out = transform(chunk);
      if (out.length === 0 || sink.write(out)) return;
      this.#blocked = true;
      source.pause();
      if (sink.errored) this.#options.onSinkFailed?.();
    } catch (error) {
      onError(error);
    }
  };

  readonly #onDrain = (): void => {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (this.#state === "flowing") this.#options.source.resume();
  };

  readonly #onEnd = (): void => {
    if (this.#state !== "flowing") return;
    this.#options.onEnd();
    if (this.#state !== "flowing") return;
    this.#state = "ended";
    this.#options.sink.end(() => {
      if (this.#state !== "ended" || this.#options.sink.errored) return;
      this.#state = "done";
      this.#detach();
      this.#options.onDone();
    });
  };

  #detach(): void {
    const { source, sink } = this.#options;
    source.removeListener("data", this.#onData);
    source.removeListener("end", this.#onEnd);
    sink.removeListener("drain", this.#onDrain);
  }
}
