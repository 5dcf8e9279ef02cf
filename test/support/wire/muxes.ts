/** Muxes in tests: two joined by bytes, with users that take as much as they are told; and single frames by hand. */
import { Mux, type MuxOptions } from "../../../daemon/protocol/mux.ts";
import { FLAG, FRAME, type FrameHeader, MUX_HEADER_BYTES, writeHeader } from "../../../daemon/protocol/mux-frame.ts";
import type { MuxStream, StreamUser } from "../../../daemon/protocol/mux-stream.ts";
import type { Role } from "../../../daemon/protocol/wire.ts";
import { join } from "./bytes.ts";

/** A frame; `data` of a data frame gives its length. */
export function frame(header: Partial<FrameHeader> & { readonly data?: Uint8Array }): Uint8Array {
  const { version = 0, type = FRAME.data, flags = 0, id = 1, data = new Uint8Array(0), length = data.length } = header;
  const bytes = new Uint8Array(MUX_HEADER_BYTES);
  writeHeader(bytes, 0, { type, flags, id, length });
  bytes[0] = version;
  return join(bytes, data);
}

/** A new stream of the other end, with data. */
export const syn = (id: number, data?: Uint8Array): Uint8Array => frame({ id, flags: FLAG.syn, ...(data && { data }) });

/** A user that keeps what comes, and consumes it only when it is told to. */
export class Taker implements StreamUser {
  readonly stream: MuxStream;
  readonly #pieces: Uint8Array[] = [];
  #unconsumed = 0;
  ended = false;
  reset: "peer" | "session" | undefined;
  writable = 0;
  /** Consumes at once. */
  eager: boolean;

  constructor(stream: MuxStream, eager = true) {
    this.stream = stream;
    this.eager = eager;
    stream.user = this;
  }

  get bytes(): Uint8Array {
    return join(...this.#pieces);
  }

  get length(): number {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  consume(most = Number.POSITIVE_INFINITY): void {
    const count = Math.min(most, this.#unconsumed);
    this.#unconsumed -= count;
    this.stream.consumed(count);
  }

  onData(bytes: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(bytes));
    this.#unconsumed += bytes.length;
    if (this.eager) this.consume();
  }

  onEnd(): void {
    this.ended = true;
  }

  onReset(by: "peer" | "session"): void {
    this.reset = by;
  }

  onWritable(): void {
    this.writable += 1;
  }
}

/** One end, and what it was told. */
export class MuxEnd {
  readonly mux: Mux;
  readonly accepted: Taker[] = [];
  readonly pongs: number[] = [];
  readonly goneAway: number[] = [];
  nowMs = 0;

  constructor(role: Role, options: Partial<MuxOptions> = {}) {
    this.mux = new Mux({
      ...{ role, peerHoldsBytes: Number.POSITIVE_INFINITY, holdsBytes: Number.POSITIVE_INFINITY, maxStreams: 1_000 },
      ...{ nowMs: () => this.nowMs, onOutput: () => {} },
      onStream: (stream) => void this.accepted.push(new Taker(stream)),
      onPong: (value) => void this.pongs.push(value),
      onGoAway: (reason) => void this.goneAway.push(reason),
      ...options,
    });
  }

  /** All frames that it would send now, at most `most` bytes. */
  sent(most = 1_000_000): Uint8Array {
    const into = new Uint8Array(most);
    return into.slice(0, this.mux.fill(into, 0));
  }
}

/** Moves frames both ways until nothing moves any more; each side hears what the other has released. */
export function settle(a: MuxEnd, b: MuxEnd, piece = 65_536): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const bytes = from.sent(piece);
      if (bytes.length > 0) moved = true;
      to.mux.receive(bytes);
      to.mux.peerReleased(from.mux.releasedBytes);
      from.mux.peerReleased(to.mux.releasedBytes);
    }
  }
}
