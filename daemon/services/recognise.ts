/**
 * Tells a protocol from its first bytes: what a far side speaks if not spiped's
 * protocol, and which plain client has come to an encrypted port. A spiped nonce
 * is 32 random bytes, so each signature is long enough that random bytes match it
 * less often than once in 2^24; `sure` marks those rarer than once in 2^32.
 * Pure, for proxy/ (PLAIN_CLIENT) and diagnosis/ (NOT_SPIPED) alike.
 *
 * Sources: MySQL Internals, "Connection Phase" · RESP specification (redis.io)
 * · PostgreSQL documentation, "Message Formats" · RFC 4253, 4.2 · RFC 8446, 4.1 and 5.1 · RFC 9112, 2.
 */

import { type Message, message } from "../../shared/message.ts";
import { latin1 } from "./latin1.ts";
import { readMongoDocument, readMongoHeader } from "./mongodb-packets.ts";
import { MYSQL_ERROR, MYSQL_HEADER_BYTES, MYSQL_PROTOCOL_10, mysqlLength } from "./mysql-packets.ts";
import { MAX_STARTUP_BYTES, POSTGRES_FIRST, POSTGRES_FIRST_BYTES } from "./postgres-packets.ts";

/** A protocol as told from its first bytes. `text`: readable, but of no protocol known here. */
export type SpokenProtocol = "mongodb" | "mysql" | "postgres" | "redis" | "ssh" | "tls" | "http" | "text";

/** What bytes look like. */
export interface Recognised {
  readonly protocol: SpokenProtocol;
  /** For people: "MariaDB 10.11.19", "an SSH server (OpenSSH_9.2p1)". Its arguments are plain printable ASCII only. */
  readonly words: Message;
  /** Random bytes look like this less often than once in 2^32, so it is no part of a nonce. */
  readonly sure: boolean;
}

/** Our choice: later bytes are not looked at. */
const LOOKED_AT_BYTES = 512;
/** Our choice: words quote at most this much of what a peer said. */
const QUOTED_CHARS = 60;
/** This many printable bytes in a row occur by chance with 2^-33: (97 / 256)^24. */
const SURE_TEXT_BYTES = 24;
/** Fewer printable bytes say nothing at all. */
const MIN_TEXT_BYTES = 4;

/** A server's error codes begin here (mysqld_error.h, ER_ERROR_FIRST); a client's are 2000 to 2999. */
const MYSQL_ERROR_CODES = { first: 1000, last: 65_000 };

/** TLS record types: alert, handshake; and the handshake messages that open a connection (RFC 8446, 5.1 and 4). */
const TLS = { alert: 0x15, handshake: 0x16, clientHello: 0x01, serverHello: 0x02, recordBytes: 16_384 };

/** Replies that Redis sends and no other text protocol does. */
const REDIS_REPLY =
  /^(\+PONG\r|-(ERR (unknown command|wrong number of arguments|Protocol error|max number of clients|operation not permitted|AUTH )|NOAUTH |DENIED |LOADING |MISCONF |WRONGPASS |NOPERM |MASTERDOWN |MOVED \d|CLUSTERDOWN ))/i;
const REDIS_COMMAND = /^(PING|INFO|AUTH|HELLO|SELECT|SUBSCRIBE|CLIENT|COMMAND|CONFIG|CLUSTER|MONITOR|PSYNC|REPLCONF|QUIT|ECHO)( [\x20-\x7e]*)?\r?\n/i;
const REDIS_ARRAY = /^\*[1-9]\d{0,6}\r\n\$\d{1,9}\r\n/;
const HTTP_REQUEST = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [\x21-\x7e]{1,}|^PRI \* HTTP\/2\.0\r\n/;
const HTTP_RESPONSE = /^HTTP\/\d|^<(!doctype|html|head|\?xml)/i;
const SSH = /^SSH-\d\.\d+-([\x21-\x7e]*)/;

/** What a server is, judged by the first bytes it sends, unasked or after a line of noise; undefined: not recognised. */
export function recogniseServer(head: Uint8Array): Recognised | undefined {
  const text = latin1(head);
  const ssh = SSH.exec(text);
  if (ssh) return seen("ssh", message("an SSH server ({0})", quotable(ssh[1] ?? "")));
  if (HTTP_RESPONSE.test(text)) return seen("http", message("an HTTP server"));
  if (REDIS_REPLY.test(text)) return seen("redis", message("Redis"));
  if (readMongoDocument(head)?.has("ok")) return seen("mongodb", message("MongoDB"));
  return mysqlGreeting(head, text) ?? mysqlError(head, text) ?? tls(head, TLS.serverHello, message("a TLS server")) ?? plainText(text);
}

/** What a client is, judged by the first bytes it sends to a port of ours; undefined: not recognised, perhaps a nonce. */
export function recogniseClient(head: Uint8Array): Recognised | undefined {
  const text = latin1(head);
  if (SSH.test(text)) return seen("ssh", message("an SSH client"));
  if (HTTP_REQUEST.test(text)) return seen("http", message("an HTTP client"));
  if (REDIS_ARRAY.test(text) || REDIS_COMMAND.test(text)) return seen("redis", message("a Redis client"));
  return mysqlLogin(head) ?? postgresFirst(head) ?? mongoFirst(head) ?? tls(head, TLS.clientHello, message("a TLS client"));
}

/** Initial handshake packet: 0x0a, version NUL, …; sequence 0. */
function mysqlGreeting(head: Uint8Array, text: string): Recognised | undefined {
  if (head[3] !== 0 || head[4] !== MYSQL_PROTOCOL_10 || mysqlLength(head) < 32 || mysqlLength(head) > LOOKED_AT_BYTES) return undefined;
  const version = /^([0-9][\x21-\x7e]{2,})(\0|$)/.exec(text.slice(MYSQL_HEADER_BYTES + 1))?.[1];
  if (version === undefined) return undefined;
  // MariaDB 10 puts 5.5.5- first, so that old replicas accept it.
  return seen("mysql", /mariadb/i.test(version) ? message("MariaDB {0}", quotable(version.replace(/^5\.5\.5-/, ""))) : message("MySQL {0}", quotable(version)));
}

/** Error packet instead of a greeting: 0xff, code, perhaps # and five characters of SQL state, text. */
function mysqlError(head: Uint8Array, text: string): Recognised | undefined {
  const code = (head[5] ?? 0) + 256 * (head[6] ?? 0);
  const isError = head[3] === 0 && head[4] === MYSQL_ERROR && code >= MYSQL_ERROR_CODES.first && code <= MYSQL_ERROR_CODES.last;
  if (!isError || mysqlLength(head) > LOOKED_AT_BYTES || !/^[\x20-\x7e]{4}/.test(text.slice(7))) return undefined;
  return seen("mysql", message("MySQL or MariaDB, which refuses with error {0} ({1})", code, quotable(text.slice(7).replace(/^#.{5}/, ""))));
}

/** HandshakeResponse41 or SSLRequest: sequence 1, capabilities (4), largest packet (4), character set (1), 19 NULs. */
function mysqlLogin(head: Uint8Array): Recognised | undefined {
  const nuls = head.subarray(13, 32);
  if (head[3] !== 1 || nuls.length < 19 || nuls.some((byte) => byte !== 0)) return undefined;
  return seen("mysql", message("a MySQL client"));
}

/** SSLRequest or GSSENCRequest, 64 bits; or StartupMessage of version 3.0, of which 48 bits are known. */
function postgresFirst(head: Uint8Array): Recognised | undefined {
  if (head.length < POSTGRES_FIRST_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset);
  const [length, code] = [view.getUint32(0), view.getUint32(4)];
  const asks = length === POSTGRES_FIRST_BYTES && (code === POSTGRES_FIRST.ssl || code === POSTGRES_FIRST.gss);
  const starts = length > POSTGRES_FIRST_BYTES && length <= MAX_STARTUP_BYTES && code === POSTGRES_FIRST.protocol3 << 16;
  return asks || starts ? seen("postgres", message("a PostgreSQL client")) : undefined;
}

/** A question whose kind and first bytes are known: 64 bits and more. */
function mongoFirst(head: Uint8Array): Recognised | undefined {
  const header = readMongoHeader(head);
  if (!header || header.op === "reply") return undefined;
  const [command = ""] = readMongoDocument(head)?.keys() ?? [];
  return /^[A-Za-z]{4,}$/.test(command) ? seen("mongodb", message("a MongoDB client")) : undefined;
}

/** A record with the message that opens a connection, or, from a server that accepts nothing of ours, an alert (2 bytes: level, description). */
function tls(head: Uint8Array, hello: number, words: Message): Recognised | undefined {
  const [type, major, minor = 255] = head;
  const bytes = (head[3] ?? 255) * 256 + (head[4] ?? 255);
  if (major !== 3 || minor > 4 || bytes > TLS.recordBytes) return undefined;
  const isAlert = hello === TLS.serverHello && type === TLS.alert && bytes === 2 && (head[5] === 1 || head[5] === 2);
  // A hello is shorter than 64 KiB, so the first of its three length bytes is 0; its version follows.
  const isHello = type === TLS.handshake && head[5] === hello && head[6] === 0 && head[9] === 3;
  return isAlert || isHello ? seen("tls", words) : undefined;
}

/** Something readable: "220 mail.example.com ESMTP". */
function plainText(text: string): Recognised | undefined {
  const readable = /^[\x20-\x7e\t\r\n]*/.exec(text)?.[0] ?? "";
  if (readable.length < MIN_TEXT_BYTES || (readable.length < text.length && readable.length < SURE_TEXT_BYTES)) return undefined;
  const [line = ""] = readable.trimStart().split(/[\r\n]/);
  return seen("text", message('a text protocol that says "{0}"', quotable(line)), readable.length >= SURE_TEXT_BYTES);
}

function seen(protocol: SpokenProtocol, words: Message, sure = true): Recognised {
  return { protocol, words, sure };
}

/** A peer's words, harmless wherever they are shown: no control character, no Markdown, no variable. */
function quotable(text: string): string {
  return text.replace(/[^A-Za-z0-9 .,:;_+~=/@'-]/g, "?").slice(0, QUOTED_CHARS);
}
