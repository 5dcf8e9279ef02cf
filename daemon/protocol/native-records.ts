/**
 * What the plain texts of the native wire's records say: bytes of streams, or an
 * acknowledgement and bytes of streams, or that the session is over. Pure.
 *
 *     +------+------------------------------+
 *     | 0    | frames of yamux, cut anywhere |
 *     +------+------------------------------+
 *     | 1    | received be64 | released be64 | frames, maybe none    counts since the beginning
 *     +------+------------------------------+
 *     | 2    | the session is over: nothing of it is kept
 *     | 3..127: end the connection;  128..255: ignored, for later versions
 *
 * `received`: bytes of yamux that have come and been given to the stream layer.
 * `released`: of these, bytes of data that are not held for an application.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";

/** The first byte of a record's plain text. */
export const RECORD = { frames: 0, acknowledgement: 1, over: 2 } as const;

/** The record that ends a session. */
export const SESSION_OVER: Uint8Array = Uint8Array.of(RECORD.over);

/** From this first byte on a record is ignored. */
const FIRST_IGNORED = 128;
const ACKNOWLEDGEMENT_BYTES = 17;

/** What the other end says of what it got. */
export interface Acknowledgement {
  readonly receivedBytes: number;
  readonly releasedBytes: number;
}

/** Writes the beginning of a record that acknowledges; where frames may follow. */
export function writeAcknowledgement(into: Uint8Array, { receivedBytes, releasedBytes }: Acknowledgement): number {
  into[0] = RECORD.acknowledgement;
  const view = new DataView(into.buffer, into.byteOffset, ACKNOWLEDGEMENT_BYTES);
  view.setBigUint64(1, BigInt(receivedBytes));
  view.setBigUint64(9, BigInt(releasedBytes));
  return ACKNOWLEDGEMENT_BYTES;
}

/** What a record says: the acknowledgement counts before the frames. */
export interface NativeRecord {
  readonly acknowledgement?: Acknowledgement;
  readonly frames: Uint8Array;
  /** The session is over. */
  readonly isOver?: true;
}

/**
 * What a record says; undefined: a kind for later versions.
 * @throws TunnelError RECORD_INVALID
 */
export function readRecord(text: Uint8Array): NativeRecord | undefined {
  const kind = text[0] as number;
  if (kind === RECORD.frames) return { frames: text.subarray(1) };
  if (kind === RECORD.acknowledgement && text.length >= ACKNOWLEDGEMENT_BYTES) {
    const view = new DataView(text.buffer, text.byteOffset, text.length);
    const acknowledgement = { receivedBytes: Number(view.getBigUint64(1)), releasedBytes: Number(view.getBigUint64(9)) };
    return { acknowledgement, frames: text.subarray(ACKNOWLEDGEMENT_BYTES) };
  }
  if (kind === RECORD.over) return { frames: text.subarray(text.length), isOver: true };
  if (kind >= FIRST_IGNORED) return undefined;
  throw new TunnelError("RECORD_INVALID", message("a record of kind {0} has no meaning: the other end is another version, or not ours", kind));
}
