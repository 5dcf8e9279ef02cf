/**
 * Frames of the native wire's streams: yamux, as its specification has them. Pure.
 *
 *      0         1        2        4           8          12
 *     +---------+--------+--------+-----------+----------+----------------+
 *     | version | type   | flags  | stream id | length   | data           |
 *     |       0 | 0..3   | be16   | be32      | be32     | of type 0 only |
 *     +---------+--------+--------+-----------+----------+----------------+
 *
 * Spec: the specification of hashicorp/yamux, "Framing".
 */

/** Every frame begins with one. */
export const MUX_HEADER_BYTES = 12;

/** yamux, "Type Field". */
export const FRAME = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;

/** yamux, "Flag Field"; they may be combined. */
export const FLAG = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;

/** yamux, "Session termination": the length of a Go Away. */
export const GO_AWAY = { normal: 0, protocolError: 1, internalError: 2 } as const;

/** yamux, "Flow Control": what either side may send on a new stream, unless both ends have agreed on more. */
export const INITIAL_WINDOW_BYTES = 256 * 1024;

/** The fields of a header. */
export interface FrameHeader {
  readonly version: number;
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  /** Bytes of data, a window's growth, a ping's value or the reason of a Go Away. */
  readonly length: number;
}

/** Writes a header of version 0 at `at`, which must have room for it. */
export function writeHeader(into: Uint8Array, at: number, { type, flags, id, length }: Omit<FrameHeader, "version">): void {
  into[at] = 0;
  into[at + 1] = type;
  into[at + 2] = flags >>> 8;
  into[at + 3] = flags & 0xff;
  writeBe32(into, at + 4, id);
  writeBe32(into, at + 8, length);
}

/** Reads the header at `at`; nothing in it is judged. */
export function readHeader(from: Uint8Array, at: number): FrameHeader {
  return {
    version: from[at] as number,
    type: from[at + 1] as number,
    flags: ((from[at + 2] as number) << 8) | (from[at + 3] as number),
    id: readBe32(from, at + 4),
    length: readBe32(from, at + 8),
  };
}

function writeBe32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = (value >>> 16) & 0xff;
  into[at + 2] = (value >>> 8) & 0xff;
  into[at + 3] = value & 0xff;
}

function readBe32(from: Uint8Array, at: number): number {
  return (((from[at] as number) << 24) | ((from[at + 1] as number) << 16) | ((from[at + 2] as number) << 8) | (from[at + 3] as number)) >>> 0;
}
