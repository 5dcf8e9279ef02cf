/**
 * What the plain texts of the native wire's records say: bytes of streams, or an
 * acknowledgement. Pure.
 *
 *     +------+------------------------------+
 *     | 0    | frames of yamux, cut anywhere |
 *     +------+------------------------------+
 *     | 1    | received be64 | released be64 |    counts since the beginning
 *     +------+------------------------------+
 *     | 2..127: end the connection;  128..255: ignored, for later versions
 *
 * `received`: bytes of yamux that have come and been given to the stream layer.
 * `released`: of these, bytes of data that are not held for an application.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";

/** The first byte of a record's plain text. */
export const RECORD = { frames: 0, acknowledgement: 1 } as const;

/** From this first byte on a record is ignored. */
const FIRST_IGNORED = 128;
const ACKNOWLEDGEMENT_BYTES = 17;

/** What the other end says of what it got. */
export interface Acknowledgement {
  readonly receivedBytes: number;
  readonly releasedBytes: number;
}

/** An acknowledgement's plain text. */
export function writeAcknowledgement({ receivedBytes, releasedBytes }: Acknowledgement): Uint8Array {
  const text = new Uint8Array(ACKNOWLEDGEMENT_BYTES);
  text[0] = RECORD.acknowledgement;
  const view = new DataView(text.buffer);
  view.setBigUint64(1, BigInt(receivedBytes));
  view.setBigUint64(9, BigInt(releasedBytes));
  return text;
}

/**
 * What a record says; undefined: a kind for later versions.
 * @throws TunnelError RECORD_INVALID
 */
export function readRecord(text: Uint8Array): { readonly frames: Uint8Array } | { readonly acknowledgement: Acknowledgement } | undefined {
  const kind = text[0] as number;
  if (kind === RECORD.frames) return { frames: text.subarray(1) };
  if (kind === RECORD.acknowledgement && text.length === ACKNOWLEDGEMENT_BYTES) {
    const view = new DataView(text.buffer, text.byteOffset, text.length);
    return { acknowledgement: { receivedBytes: Number(view.getBigUint64(1)), releasedBytes: Number(view.getBigUint64(9)) } };
  }
  if (kind >= FIRST_IGNORED) return undefined;
  throw new TunnelError("RECORD_INVALID", message("a record of kind {0} has no meaning: the other end is another version, or not ours", kind));
}
