/**
 * The facts of PostgreSQL's messages that more than one file needs. Pure.
 *
 *     client first:  length be32, with itself | code be32 | …        no type byte
 *     later, both:   type | length be32, with itself | …
 *     ErrorResponse: 'E' | length | (field type, text, 0)… | 0       fields: C SQLSTATE, M message
 *
 * Source: PostgreSQL documentation, "Message Formats", "Error and Notice Message
 * Fields", "Start-up" · pqcomm.h
 */

/** Codes of a client's first message. */
export const POSTGRES_FIRST = { ssl: 80_877_103, gss: 80_877_104, cancel: 80_877_102, protocol3: 3 } as const;
/** Length and code. */
export const POSTGRES_FIRST_BYTES = 8;
/** pqcomm.h, MAX_STARTUP_PACKET_LENGTH. */
export const MAX_STARTUP_BYTES = 10_000;

/** The whole answer to SSLRequest. */
export const POSTGRES_TLS = { offered: 0x53, none: 0x4e } as const;
/** The type of ErrorResponse. */
const ERROR = 0x45;
const LENGTH_BYTES = 4;
/** Our choice: an error that comes first is far shorter. */
const MAX_ERROR_BYTES = 8_192;

/** An error of the server. */
export interface PostgresError {
  readonly sqlState: string;
  readonly text: string;
}

/** SSLRequest: asks whether TLS is spoken, before anything else, and needs no account. */
export function sslRequest(): Uint8Array {
  const bytes = new Uint8Array(POSTGRES_FIRST_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, POSTGRES_FIRST_BYTES);
  view.setUint32(LENGTH_BYTES, POSTGRES_FIRST.ssl);
  return bytes;
}

/** The ErrorResponse that `head` begins with; "unfinished": it may become one; undefined: it is none. */
export function readPostgresError(head: Uint8Array): PostgresError | "unfinished" | undefined {
  if (head[0] !== ERROR) return undefined;
  if (head.length <= LENGTH_BYTES) return "unfinished";
  const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
  if (length <= LENGTH_BYTES || length > MAX_ERROR_BYTES) return undefined;
  if (head.length < 1 + length) return "unfinished";
  const fields = new Map<string, string>();
  for (const field of new TextDecoder().decode(head.subarray(1 + LENGTH_BYTES, length)).split("\0")) fields.set(field.slice(0, 1), field.slice(1));
  const [sqlState, text] = [fields.get("C"), fields.get("M")];
  return sqlState === undefined || text === undefined ? undefined : { sqlState, text };
}

/** An ErrorResponse that ends the connection. */
export function postgresError({ sqlState, text }: PostgresError): Uint8Array {
  const fields = new TextEncoder().encode(`SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`);
  const bytes = new Uint8Array(1 + LENGTH_BYTES + fields.length);
  bytes[0] = ERROR;
  new DataView(bytes.buffer).setUint32(1, LENGTH_BYTES + fields.length);
  bytes.set(fields, 1 + LENGTH_BYTES);
  return bytes;
}
