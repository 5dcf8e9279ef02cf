/**
 * What first bytes give away: which protocol a far side speaks that is not
 * spiped's, and which plain client has come to an encrypted port. A nonce of
 * spiped's is 32 random bytes, so each signature is so long that random bytes
 * have it less often than once in 2^24; `sure` tells which are longer than 2^32.
 * Pure, for proxy/ (PLAIN_CLIENT) and tunnels/diagnosis/ (NOT_SPIPED) alike.
 *
 * Sources: MySQL Internals, "Connection Phase" · RESP specification (redis.io)
 * · RFC 4253, 4.2 · RFC 8446, 4.1 and 5.1 · RFC 9112, 2.
 */

/** A protocol as told from its first bytes. `text`: readable, but of no protocol known here. */
export type SpokenProtocol = "mysql" | "redis" | "ssh" | "tls" | "http" | "text";

/** What bytes look like. */
export interface Recognised {
  readonly protocol: SpokenProtocol;
  /** For people: "MariaDB 10.11.19", "an SSH server (OpenSSH_9.2p1)". Made of plain printable ASCII only. */
  readonly label: string;
  /** Random bytes look like this less often than once in 2^32, so it is no part of a nonce. */
  readonly sure: boolean;
}

/** Our choice: nothing further back is looked at. */
const LOOKED_AT_BYTES = 512;
/** Our choice: a label quotes at most this much of what a peer said. */
const QUOTED_CHARS = 60;
/** So many printable bytes in a row are random with 2^-33: (97 / 256)^24. */
const SURE_TEXT_BYTES = 24;
/** Fewer say nothing at all. */
const MIN_TEXT_BYTES = 4;

/** MySQL packet header: length (3, little-endian), sequence (1). */
const MYSQL_HEADER_BYTES = 4;
const MYSQL_PROTOCOL_10 = 0x0a;
const MYSQL_ERROR = 0xff;
/** Error codes of a server begin here (mysqld_error.h, ER_ERROR_FIRST) and client ones are 2000 to 2999. */
const MYSQL_ERROR_CODES = { first: 1000, last: 65_000 };

/** TLS record types: alert, handshake; and the handshake messages that open a connection (RFC 8446, 5.1 and 4). */
const TLS = { alert: 0x15, handshake: 0x16, clientHello: 0x01, serverHello: 0x02, recordBytes: 16_384 };

/** What Redis says that no other text protocol does. */
const REDIS_REPLY =
  /^(\+PONG\r|-(ERR (unknown command|wrong number of arguments|Protocol error|max number of clients|operation not permitted|AUTH )|NOAUTH |DENIED |LOADING |MISCONF |WRONGPASS |NOPERM |MASTERDOWN |MOVED \d|CLUSTERDOWN ))/i;
const REDIS_COMMAND = /^(PING|INFO|AUTH|HELLO|SELECT|SUBSCRIBE|CLIENT|COMMAND|CONFIG|CLUSTER|MONITOR|PSYNC|REPLCONF|QUIT|ECHO)( [\x20-\x7e]*)?\r?\n/i;
const REDIS_ARRAY = /^\*[1-9]\d{0,6}\r\n\$\d{1,9}\r\n/;
const HTTP_REQUEST = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) [\x21-\x7e]{1,}|^PRI \* HTTP\/2\.0\r\n/;
const HTTP_RESPONSE = /^HTTP\/\d|^<(!doctype|html|head|\?xml)/i;
const SSH = /^SSH-\d\.\d+-([\x21-\x7e]*)/;

/** What a server is by the first bytes it says, also as an answer to a line of noise; undefined: nothing known. */
export function recogniseServer(head: Uint8Array): Recognised | undefined {
  const text = latin1(head);
  const ssh = SSH.exec(text);
  if (ssh) return { protocol: "ssh", label: `an SSH server (${quotable(ssh[1] ?? "")})`, sure: true };
  if (HTTP_RESPONSE.test(text)) return { protocol: "http", label: "an HTTP server", sure: true };
  if (REDIS_REPLY.test(text)) return { protocol: "redis", label: "Redis", sure: true };
  return mysqlGreeting(head, text) ?? mysqlError(head, text) ?? tls(head, TLS.serverHello, "a TLS server") ?? plainText(text);
}

/** What a client is by the first bytes it sends to a port of ours; undefined: nothing known, a nonce perhaps. */
export function recogniseClient(head: Uint8Array): Recognised | undefined {
  const text = latin1(head);
  if (SSH.test(text)) return { protocol: "ssh", label: "an SSH client", sure: true };
  if (HTTP_REQUEST.test(text)) return { protocol: "http", label: "an HTTP client", sure: true };
  if (REDIS_ARRAY.test(text) || REDIS_COMMAND.test(text)) return { protocol: "redis", label: "a Redis client", sure: true };
  return mysqlLogin(head) ?? tls(head, TLS.clientHello, "a TLS client");
}

/** Initial handshake packet: 0x0a, version NUL, …; sequence 0. */
function mysqlGreeting(head: Uint8Array, text: string): Recognised | undefined {
  if (head[3] !== 0 || head[4] !== MYSQL_PROTOCOL_10 || length24(head) < 32 || length24(head) > LOOKED_AT_BYTES) return undefined;
  const version = /^([0-9][\x21-\x7e]{2,})(\0|$)/.exec(text.slice(MYSQL_HEADER_BYTES + 1))?.[1];
  if (version === undefined) return undefined;
  // MariaDB 10 says 5.5.5- first, so that old replicas take it.
  const label = /mariadb/i.test(version) ? `MariaDB ${quotable(version.replace(/^5\.5\.5-/, ""))}` : `MySQL ${quotable(version)}`;
  return { protocol: "mysql", label, sure: true };
}

/** Error packet instead of a greeting: 0xff, code, perhaps # and five characters of SQL state, text. */
function mysqlError(head: Uint8Array, text: string): Recognised | undefined {
  const code = (head[5] ?? 0) + 256 * (head[6] ?? 0);
  const isError = head[3] === 0 && head[4] === MYSQL_ERROR && code >= MYSQL_ERROR_CODES.first && code <= MYSQL_ERROR_CODES.last;
  if (!isError || length24(head) > LOOKED_AT_BYTES || !/^[\x20-\x7e]{4}/.test(text.slice(7))) return undefined;
  const label = `MySQL or MariaDB, which refuses with error ${code} (${quotable(text.slice(7).replace(/^#.{5}/, ""))})`;
  return { protocol: "mysql", label, sure: true };
}

/** HandshakeResponse41 or SSLRequest: sequence 1, capabilities (4), largest packet (4), character set (1), 19 NULs. */
function mysqlLogin(head: Uint8Array): Recognised | undefined {
  const nuls = head.subarray(13, 32);
  if (head[3] !== 1 || nuls.length < 19 || nuls.some((byte) => byte !== 0)) return undefined;
  return { protocol: "mysql", label: "a MySQL client", sure: true };
}

/** A record with the message that opens a connection, or, of a server that likes nothing about ours, with an alert (2 bytes: level, description). */
function tls(head: Uint8Array, hello: number, label: string): Recognised | undefined {
  const [type, major, minor = 255] = head;
  const bytes = (head[3] ?? 255) * 256 + (head[4] ?? 255);
  if (major !== 3 || minor > 4 || bytes > TLS.recordBytes) return undefined;
  const isAlert = hello === TLS.serverHello && type === TLS.alert && bytes === 2 && (head[5] === 1 || head[5] === 2);
  // A hello is shorter than 64 KiB, so the first of its three length bytes is 0; its version follows.
  const isHello = type === TLS.handshake && head[5] === hello && head[6] === 0 && head[9] === 3;
  return isAlert || isHello ? { protocol: "tls", label, sure: true } : undefined;
}

/** Something readable: "220 mail.example.com ESMTP". */
function plainText(text: string): Recognised | undefined {
  const readable = /^[\x20-\x7e\t\r\n]*/.exec(text)?.[0] ?? "";
  if (readable.length < MIN_TEXT_BYTES || (readable.length < text.length && readable.length < SURE_TEXT_BYTES)) return undefined;
  const [line = ""] = readable.trimStart().split(/[\r\n]/);
  return { protocol: "text", label: `a text protocol that says "${quotable(line)}"`, sure: readable.length >= SURE_TEXT_BYTES };
}

function length24(head: Uint8Array): number {
  return (head[0] ?? 0) + 256 * (head[1] ?? 0) + 65_536 * (head[2] ?? 0);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, LOOKED_AT_BYTES));
}

/** A peer's words, harmless wherever they are shown: no control character, no Markdown, no variable. */
function quotable(text: string): string {
  return text.replace(/[^A-Za-z0-9 .,:;_+~=/@'-]/g, "?").slice(0, QUOTED_CHARS);
}
