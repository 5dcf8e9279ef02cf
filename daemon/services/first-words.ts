/**
 * What a database's first bytes tell us: that the database refuses us, or that the
 * bytes are only the beginning of an answer. A refusal comes instead of an answer,
 * usually unasked, and is no sign that the service can be used. Pure.
 *
 * Sources: redis.io, "Redis security" (protected mode) · networking.c of Redis,
 * acceptCommonHandler · MySQL Internals, "ERR_Packet" · mysqld_error.h · PostgreSQL
 * documentation, "PostgreSQL Error Codes".
 */

import { isRedis } from "../../shared/contract/service-titles.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { printable } from "../../shared/plain-text.ts";
import { latin1 } from "./latin1.ts";
import { readMongoDocument, readMongoHeader } from "./mongodb-packets.ts";
import { MYSQL_ERROR, MYSQL_ERROR_BYTES, MYSQL_HEADER_BYTES, MYSQL_PROTOCOL_10, mysqlLength } from "./mysql-packets.ts";
import { readPostgresError } from "./postgres-packets.ts";
import { isTunnelRefusal } from "./refusal.ts";

/** A service that answers and refuses us, in its own words. */
export interface Refusal {
  readonly code: "BACKEND_BLOCKED" | "BACKEND_DOWN";
  /** "error 1129, Host '10.0.0.7' is blocked…": printable, without a full stop. */
  readonly text: string;
}

/** ER_HOST_IS_BLOCKED and ER_CON_COUNT_ERROR. */
const MYSQL_BLOCKED = [1129, 1040];
/** ER_SECURE_TRANSPORT_REQUIRED. MariaDB says 1045 instead, as it does to a wrong password. */
const MYSQL_TLS_REQUIRED = 3159;
/** CLIENT_SSL, of the lower two bytes of the capabilities. MySQL Internals, "Capability Flags". */
const MYSQL_CLIENT_SSL = 0x0800;
/** In Protocol::HandshakeV10, after the version: connection id (4), scramble (8), filler (1). */
const MYSQL_CAPABILITIES_AT = 13;
/** Our choice: a greeting or an error is far shorter; a longer packet is not MySQL's. */
export const MAX_GREETING_BYTES = 4_096;

/** too_many_connections, invalid_authorization_specification; and a server that starts up or shuts down. */
const POSTGRES_TOO_MANY = "53300";
const POSTGRES_AUTHORIZATION = "28000";
const POSTGRES_DOWN = /^57P0[1-3]$/;

/** ShutdownInProgress, InterruptedAtShutdown: error_codes.yml of MongoDB. */
const MONGO_DOWN = [91, 11_600];

const REDIS_REFUSAL = /^-(DENIED\b|ERR max number of clients)/;
/** The first sentence is enough: protected mode explains itself in 1,065 bytes, more than one packet of spiped's. */
const FIRST_SENTENCE = /^-(.*?)(\. |[\r\n]|$)/;
/** Our choice. */
const MAX_TEXT_CHARS = 160;

/** The refusal that `head`, the first bytes of a connection to `service`, begins with; undefined: none, or too little to tell. */
export function refusalIn(service: Service, head: Uint8Array): Refusal | undefined {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return redisRefusal(head);
    case "mysql":
      return mysqlRefusal(head);
    case "postgres":
      return postgresRefusal(head);
    case "mongodb":
      return mongoRefusal(head);
    case "tcp":
      return undefined;
  }
}

/** The error of a refusal. */
export function refusalError(service: Service, { code, text }: Refusal): TunnelError {
  if (isRedis(service)) return new TunnelError(code, message("Redis refuses connections: {0}", text));
  return new TunnelError(code, message("the database refuses connections: {0}", text));
}

/** What a MySQL server says about TLS. */
export interface MySqlTls {
  /** The server's greeting offers TLS. */
  readonly isOffered: boolean;
  /** The server refused our login because it came without TLS; false when that can't be known, as with MariaDB. */
  readonly isDemanded: boolean;
}

/** What `bytes`, a whole greeting and perhaps the answer to a login without TLS, say about TLS; undefined: nothing. */
export function mysqlTlsIn(bytes: Uint8Array): MySqlTls | undefined {
  const end = MYSQL_HEADER_BYTES + mysqlLength(bytes);
  const body = bytes.subarray(MYSQL_HEADER_BYTES, end);
  const at = body.indexOf(0, 1) + 1 + MYSQL_CAPABILITIES_AT;
  const [mark, low = 0, high = 0] = bytes.subarray(end + MYSQL_HEADER_BYTES);
  const isOffered = (((body[at] ?? 0) + 256 * (body[at + 1] ?? 0)) & MYSQL_CLIENT_SSL) !== 0;
  const isDemanded = mark === MYSQL_ERROR && low + 256 * high === MYSQL_TLS_REQUIRED;
  return isOffered || isDemanded ? { isOffered, isDemanded } : undefined;
}

/** Whether `head` is only the beginning of the first thing that `service` says. */
export function isUnfinished(service: Service, head: Uint8Array): boolean {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return /^[+-][\x20-\x7e]*\r?$/.test(latin1(head));
    case "mysql":
      return head.length > 0 && mysqlLengthFits(head) && head.length < MYSQL_HEADER_BYTES + mysqlLength(head);
    case "postgres":
      return readPostgresError(head) === "unfinished";
    case "mongodb": {
      const header = readMongoHeader(head);
      return header !== undefined && head.length < header.length;
    }
    case "tcp":
      return false;
  }
}

function redisRefusal(head: Uint8Array): Refusal | undefined {
  const text = latin1(head);
  const isTunnels = isTunnelRefusal("redis", head);
  if (!isTunnels && !REDIS_REFUSAL.test(text)) return undefined;
  return { code: isTunnels ? "BACKEND_DOWN" : "BACKEND_BLOCKED", text: shortened(FIRST_SENTENCE.exec(text)?.[1] ?? "") };
}

/** An error packet instead of a greeting: its number, perhaps # and five characters of SQL state, its text. */
function mysqlRefusal(head: Uint8Array): Refusal | undefined {
  const body = head.subarray(MYSQL_HEADER_BYTES, MYSQL_HEADER_BYTES + mysqlLength(head));
  if (!mysqlLengthFits(head) || body[0] !== MYSQL_ERROR || body.length < MYSQL_ERROR_BYTES) return undefined;
  const number = (body[1] ?? 0) + 256 * (body[2] ?? 0);
  const words = new TextDecoder().decode(body.subarray(MYSQL_ERROR_BYTES)).replace(/^#[0-9A-Z]{5}/, "");
  return { code: MYSQL_BLOCKED.includes(number) ? "BACKEND_BLOCKED" : "BACKEND_DOWN", text: shortened(`error ${number}, ${words}`) };
}

/** An error in place of an answer: too many clients, no rule for this host; or a server that starts or stops. Others are about an account. */
function postgresRefusal(head: Uint8Array): Refusal | undefined {
  const error = readPostgresError(head);
  if (error === undefined || error === "unfinished") return undefined;
  const { sqlState, text } = error;
  const isBlocked = sqlState === POSTGRES_TOO_MANY || (sqlState === POSTGRES_AUTHORIZATION && /pg_hba\.conf/.test(text));
  if (!isBlocked && !POSTGRES_DOWN.test(sqlState) && !isTunnelRefusal("postgres", head)) return undefined;
  return { code: isBlocked ? "BACKEND_BLOCKED" : "BACKEND_DOWN", text: shortened(text) };
}

/** A server that shuts down, or a tunnel on the way; other errors are about an account or a command. */
function mongoRefusal(head: Uint8Array): Refusal | undefined {
  const said = readMongoDocument(head);
  if (said?.get("ok") !== 0) return undefined;
  const code = said.get("code");
  if (!MONGO_DOWN.includes(Number(code)) && !isTunnelRefusal("mongodb", head)) return undefined;
  return { code: "BACKEND_DOWN", text: shortened(String(said.get("errmsg") ?? `error ${code}`)) };
}

/** Whether the header, as far as it has arrived, and the byte after it can belong to a server's first packet. */
function mysqlLengthFits(head: Uint8Array): boolean {
  const [, , high = 0, sequence = 0, mark = MYSQL_PROTOCOL_10] = head;
  if (high !== 0 || sequence !== 0 || (mark !== MYSQL_PROTOCOL_10 && mark !== MYSQL_ERROR)) return false;
  return head.length < 3 || (mysqlLength(head) > 0 && mysqlLength(head) <= MAX_GREETING_BYTES);
}

function shortened(text: string): string {
  return printable(text)
    .slice(0, MAX_TEXT_CHARS)
    .replace(/[.\s]+$/, "");
}
