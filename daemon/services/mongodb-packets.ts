/**
 * The facts of MongoDB's messages that more than one file needs. Pure.
 *
 *     +---------------+-----------+------------+--------+------+
 *     | messageLength | requestID | responseTo | opCode | body |    4 × int32, little-endian
 *     +---------------+-----------+------------+--------+------+
 *
 *     OP_MSG    2013   flagBits u32 | 0x00 | document                                        both ways
 *     OP_QUERY  2004   flags | collection, 0 | skip | number | document                      drivers' first question
 *     OP_REPLY     1   flags | cursor int64 | from | number | document                       its answer
 *
 * Source: MongoDB documentation, "MongoDB Wire Protocol" · bsonspec.org, version 1.1
 */

export const MONGO_HEADER_BYTES = 16;
/** MaxMessageSizeBytes. */
export const MAX_MONGO_BYTES = 48_000_000;
const OP = { reply: 1, query: 2_004, message: 2_013 } as const;

/** A message's header. */
export interface MongoHeader {
  readonly length: number;
  readonly requestId: number;
  readonly op: keyof typeof OP;
}

/** A scalar of a document; others are null. */
export type BsonValue = number | string | boolean | null;

/** The header that `head` begins with; undefined: it is none, or not whole. */
export function readMongoHeader(head: Uint8Array): MongoHeader | undefined {
  if (head.length < MONGO_HEADER_BYTES) return undefined;
  const view = viewOf(head);
  const length = view.getInt32(0, true);
  const code = view.getInt32(12, true);
  const op = (Object.keys(OP) as (keyof typeof OP)[]).find((name) => OP[name] === code);
  return op === undefined || length < MONGO_HEADER_BYTES || length > MAX_MONGO_BYTES ? undefined : { length, requestId: view.getInt32(4, true), op };
}

/** The first document of a message, as far as it has come; undefined: it has none, or is no message. */
export function readMongoDocument(message: Uint8Array): ReadonlyMap<string, BsonValue> | undefined {
  const header = readMongoHeader(message);
  const at = header && documentAt(message, header.op);
  return at === undefined ? undefined : readDocument(message.subarray(at));
}

function documentAt(message: Uint8Array, op: MongoHeader["op"]): number | undefined {
  switch (op) {
    case "reply":
      return MONGO_HEADER_BYTES + 20;
    case "message":
      // Sections of kind 1 are lists of documents, and never stand alone.
      return message[MONGO_HEADER_BYTES + 4] === 0 ? MONGO_HEADER_BYTES + 5 : undefined;
    case "query": {
      const end = message.indexOf(0, MONGO_HEADER_BYTES + 4);
      return end < 0 ? undefined : end + 1 + 8;
    }
  }
}

/** Lengths of values without a length of their own, by type. bsonspec.org. */
const FIXED: ReadonlyMap<number, number> = new Map([
  ...([0x01, 0x09, 0x11, 0x12] as const).map((type) => [type, 8] as const),
  ...([0x06, 0x0a, 0x7f, 0xff] as const).map((type) => [type, 0] as const),
  ...[[0x07, 12] as const, [0x08, 1] as const, [0x10, 4] as const, [0x13, 16] as const],
]);

/** The elements of a document up to one that can't be read. */
function readDocument(bytes: Uint8Array): ReadonlyMap<string, BsonValue> | undefined {
  if (bytes.length < 5) return undefined;
  const view = viewOf(bytes);
  const end = Math.min(bytes.length, view.getInt32(0, true));
  const found = new Map<string, BsonValue>();
  let at = 4;
  while (at < end && bytes[at] !== 0) {
    const type = bytes[at] as number;
    const nameEnd = bytes.indexOf(0, at + 1);
    if (nameEnd < 0) break;
    const value = nameEnd + 1;
    const size = sizeOf(type, view, value);
    if (size === undefined || value + size > end) break;
    found.set(new TextDecoder().decode(bytes.subarray(at + 1, nameEnd)), scalarOf(type, view, value));
    at = value + size;
  }
  return found;
}

function sizeOf(type: number, view: DataView, at: number): number | undefined {
  const fixed = FIXED.get(type);
  if (fixed !== undefined) return fixed;
  if (at + 4 > view.byteLength) return undefined;
  const length = view.getInt32(at, true);
  if (length < 0) return undefined;
  // A string, a document or an array, a binary.
  if (type === 0x02) return 4 + length;
  if (type === 0x03 || type === 0x04) return length;
  return type === 0x05 ? 5 + length : undefined;
}

function scalarOf(type: number, view: DataView, at: number): BsonValue {
  switch (type) {
    case 0x01:
      return view.getFloat64(at, true);
    case 0x02:
      return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 4, Math.max(0, view.getInt32(at, true) - 1)));
    case 0x08:
      return view.getUint8(at) === 1;
    case 0x10:
      return view.getInt32(at, true);
    case 0x12:
      return Number(view.getBigInt64(at, true));
    default:
      return null;
  }
}

/** A document of scalars; numbers are int32, but for `ok`, a double as servers write it. */
export function bsonDocument(fields: Readonly<Record<string, string | number>>): Uint8Array {
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    const type = typeof value === "string" ? 0x02 : name === "ok" ? 0x01 : 0x10;
    return [Uint8Array.of(type), cString(name), typeof value === "string" ? bsonString(value) : number(value, type)];
  });
  return sized([...parts, Uint8Array.of(0)]);
}

/** OP_MSG with one document. */
export function mongoMessage(document: Uint8Array, { requestId, responseTo }: { readonly requestId: number; readonly responseTo: number }): Uint8Array {
  return sized([int32(requestId), int32(responseTo), int32(OP.message), int32(0), Uint8Array.of(0), document]);
}

/** OP_REPLY with one document. */
export function mongoReply(document: Uint8Array, { requestId, responseTo }: { readonly requestId: number; readonly responseTo: number }): Uint8Array {
  return sized([int32(requestId), int32(responseTo), int32(OP.reply), int32(0), new Uint8Array(8), int32(0), int32(1), document]);
}

/** What is said, behind its whole length. */
function sized(parts: readonly Uint8Array[]): Uint8Array {
  return joined([int32(4 + parts.reduce((sum, part) => sum + part.length, 0)), ...parts]);
}

/** The parts one after another. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, value, true);
  return bytes;
}

function number(value: number, type: number): Uint8Array {
  if (type === 0x10) return int32(value);
  const bytes = new Uint8Array(8);
  viewOf(bytes).setFloat64(0, value, true);
  return bytes;
}

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function bsonString(text: string): Uint8Array {
  const bytes = cString(text);
  return joined([int32(bytes.length), bytes]);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
