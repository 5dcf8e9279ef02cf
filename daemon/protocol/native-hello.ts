/**
 * The two messages of the native wire's handshake: how they are framed, and what
 * their payloads say. Pure.
 *
 *     +------+---------------------+
 *     | len  | Noise message       |    len: 48..512
 *     | be16 |                     |
 *     +------+---------------------+
 *
 *     payload: fields of  type u8 ‖ length be16 ‖ value; unknown types are ignored
 *
 * Message 1 has no forward secrecy, so it names nothing: no target, no tunnel.
 * The types 4 to 9 are kept for a session that is taken up again.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { concat } from "./keys.ts";
import { HANDSHAKE_OVERHEAD_BYTES } from "./noise.ts";

const LENGTH_BYTES = 2;
/** The design's bound: a stranger makes us keep no more than this. */
const MAX_MESSAGE_BYTES = 512;

const TYPE = { instance: 1, holdsBytes: 2, session: 3 } as const;

/** Lengths of random names. */
export const NAME_BYTES = 16;

/** What either side says about itself. */
export interface Hello {
  /** Message 1: names the client's process while it lives. Message 2: names the session. */
  readonly name: Uint8Array;
  /** Bytes of data that this side holds for the session, over all streams. */
  readonly holdsBytes: number;
}

/** Message 1's or 2's payload. */
export function writeHello(of: "client" | "server", { name, holdsBytes }: Hello): Uint8Array {
  return concat([field(of === "client" ? TYPE.instance : TYPE.session, name), field(TYPE.holdsBytes, be32(holdsBytes))]);
}

/** Reads a payload; undefined: a field is missing, cut or of a wrong length. */
export function readHello(of: "client" | "server", payload: Uint8Array): Hello | undefined {
  const fields = readFields(payload);
  const name = fields?.get(of === "client" ? TYPE.instance : TYPE.session);
  const holds = fields?.get(TYPE.holdsBytes);
  if (name?.length !== NAME_BYTES || holds?.length !== 4) return undefined;
  return { name: Uint8Array.from(name), holdsBytes: new DataView(holds.buffer, holds.byteOffset).getUint32(0) };
}

/** A Noise message behind its length. */
export function frameMessage(noise: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(noise.length >> 8, noise.length & 0xff), noise]);
}

/**
 * The message at the beginning of `held`, and how many bytes it takes; undefined: more must come.
 * @throws TunnelError RECORD_INVALID when its length can't be one
 */
export function takeMessage(held: Uint8Array): { readonly noise: Uint8Array; readonly bytes: number } | undefined {
  if (held.length < LENGTH_BYTES) return undefined;
  const length = ((held[0] as number) << 8) | (held[1] as number);
  if (length < HANDSHAKE_OVERHEAD_BYTES || length > MAX_MESSAGE_BYTES) {
    throw new TunnelError("RECORD_INVALID", message("a message of the handshake has {0} bytes, which none has: it was changed on the way", length));
  }
  const bytes = LENGTH_BYTES + length;
  return held.length < bytes ? undefined : { noise: held.subarray(LENGTH_BYTES, bytes), bytes };
}

function field(type: number, value: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type, value.length >> 8, value.length & 0xff), value]);
}

function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** The first of each type; undefined: the last field is cut. */
function readFields(payload: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const fields = new Map<number, Uint8Array>();
  let at = 0;
  while (at < payload.length) {
    if (payload.length - at < 3) return undefined;
    const [type, high, low] = payload.subarray(at, at + 3) as unknown as [number, number, number];
    const end = at + 3 + ((high << 8) | low);
    if (end > payload.length) return undefined;
    if (!fields.has(type)) fields.set(type, payload.subarray(at + 3, end));
    at = end;
  }
  return fields;
}
