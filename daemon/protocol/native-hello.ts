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
 * Message 1 has no forward secrecy, so it names no target and no tunnel. Who holds
 * the key can read it for ever; the name of a session in it is of no use to him
 * without the session's secret, which message 2 carries under ee.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { concat } from "./keys.ts";
import { HANDSHAKE_OVERHEAD_BYTES } from "./noise.ts";

const LENGTH_BYTES = 2;
/** The design's bound: a stranger makes us keep no more than this. */
const MAX_MESSAGE_BYTES = 512;

const TYPE = { instance: 1, holdsBytes: 2, session: 3, takesUp: 4, proof: 5, secret: 6, received: 7, keepsMs: 8 } as const;

/** Lengths of random names: of a client's process, and of a session. */
export const NAME_BYTES = 16;
/** Length of the secret that only the two ends of a session know. */
export const SECRET_BYTES = 32;
const PROOF_BYTES = 32;
/** The name of a session, attempt be32, received be64. */
const TAKE_UP_BYTES = NAME_BYTES + 12;

/** What either side says of what it keeps. */
export interface Keeping {
  /** Bytes of data that this side holds for the session, over all streams. */
  readonly holdsBytes: number;
  /** How long this side keeps the session when its connection is cut, in milliseconds; 0: not at all. The shorter of both counts. */
  readonly keepsMs: number;
}

/** A client asks for a session that has lost its connection. */
export interface TakeUp {
  /** The session's name. */
  readonly session: Uint8Array;
  /** Rises with each attempt of the session. */
  readonly attempt: number;
  /** Bytes of streams that the client has received, since the session began. */
  readonly receivedBytes: number;
}

/** Message 1's payload. */
export interface ClientHello extends Keeping {
  /** Names the client's process while it lives. */
  readonly instance: Uint8Array;
  /** Left out: a new session. `proof`: see session-proof.ts. */
  readonly takesUp?: (TakeUp & { readonly proof: Uint8Array }) | undefined;
}

/** Message 2's payload: a new session, or the one that was asked for. */
export interface ServerHello extends Keeping {
  readonly session: Uint8Array;
  /** Of a new session. */
  readonly secret?: Uint8Array | undefined;
  /** The session that was asked for goes on: bytes of streams that the server has received. `proof`: see session-proof.ts. */
  readonly takenUp?: { readonly receivedBytes: number; readonly proof: Uint8Array } | undefined;
}

/** Writes message 1's payload. */
export function writeClientHello({ instance, holdsBytes, keepsMs, takesUp }: ClientHello): Uint8Array {
  const fields = [field(TYPE.instance, instance), field(TYPE.holdsBytes, be32(holdsBytes)), field(TYPE.keepsMs, be32(keepsMs))];
  if (takesUp) fields.push(field(TYPE.takesUp, takeUpBytes(takesUp)), field(TYPE.proof, takesUp.proof));
  return concat(fields);
}

/** Writes message 2's payload. */
export function writeServerHello({ session, holdsBytes, keepsMs, secret, takenUp }: ServerHello): Uint8Array {
  const fields = [field(TYPE.session, session), field(TYPE.holdsBytes, be32(holdsBytes)), field(TYPE.keepsMs, be32(keepsMs))];
  if (secret) fields.push(field(TYPE.secret, secret));
  if (takenUp) fields.push(field(TYPE.received, be64(takenUp.receivedBytes)), field(TYPE.proof, takenUp.proof));
  return concat(fields);
}

/** Reads message 1's payload; undefined: a field is missing, cut or of a wrong length. */
export function readClientHello(payload: Uint8Array): ClientHello | undefined {
  const fields = readFields(payload);
  const instance = fields?.get(TYPE.instance);
  const keeping = fields && readKeeping(fields);
  if (!keeping || instance?.length !== NAME_BYTES) return undefined;
  const hello = { instance: Uint8Array.from(instance), ...keeping };
  const asked = fields?.get(TYPE.takesUp);
  if (!asked) return hello;
  const proof = fields?.get(TYPE.proof);
  if (asked.length !== TAKE_UP_BYTES || proof?.length !== PROOF_BYTES) return undefined;
  const view = viewOf(asked);
  const takesUp = { session: asked.slice(0, NAME_BYTES), attempt: view.getUint32(NAME_BYTES), receivedBytes: Number(view.getBigUint64(NAME_BYTES + 4)) };
  return { ...hello, takesUp: { ...takesUp, proof: Uint8Array.from(proof) } };
}

/** Reads message 2's payload; undefined: a field is missing, cut or of a wrong length. */
export function readServerHello(payload: Uint8Array): ServerHello | undefined {
  const fields = readFields(payload);
  const session = fields?.get(TYPE.session);
  const keeping = fields && readKeeping(fields);
  if (!keeping || session?.length !== NAME_BYTES) return undefined;
  const hello = { session: Uint8Array.from(session), ...keeping };
  const [secret, received, proof] = [TYPE.secret, TYPE.received, TYPE.proof].map((type) => fields?.get(type));
  if (received) {
    if (received.length !== 8 || proof?.length !== PROOF_BYTES) return undefined;
    return { ...hello, takenUp: { receivedBytes: Number(viewOf(received).getBigUint64(0)), proof: Uint8Array.from(proof) } };
  }
  return secret?.length === SECRET_BYTES ? { ...hello, secret: Uint8Array.from(secret) } : undefined;
}

/** What a client's proof covers beside the handshake: the fields as they are sent. */
export function takeUpBytes({ session, attempt, receivedBytes }: TakeUp): Uint8Array {
  return concat([session, be32(attempt), be64(receivedBytes)]);
}

function readKeeping(fields: ReadonlyMap<number, Uint8Array>): Keeping | undefined {
  const [holds, keeps] = [fields.get(TYPE.holdsBytes), fields.get(TYPE.keepsMs)];
  if (holds?.length !== 4 || keeps?.length !== 4) return undefined;
  return { holdsBytes: viewOf(holds).getUint32(0), keepsMs: viewOf(keeps).getUint32(0) };
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
  viewOf(bytes).setUint32(0, value);
  return bytes;
}

/** be64. */
export function be64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value));
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
