/**
 * What a database's first bytes say of us: that it turns us away, or that they are
 * only the beginning of an answer. A refusal comes instead of an answer, unasked
 * as a rule, and is no sign that the service can be used. Pure.
 *
 * Sources: redis.io, "Redis security" (protected mode) · networking.c of Redis,
 * acceptCommonHandler · MySQL Internals, "ERR_Packet" · mysqld_error.h.
 */
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";

/** A service that answers and refuses us, in its own words. */
export interface Refusal {
  readonly code: "BACKEND_BLOCKED" | "BACKEND_DOWN";
  /** "error 1129, Host '10.0.0.7' is blocked…": printable, without a full stop. */
  readonly text: string;
}

/** MySQL packet header: 3 bytes of length, 1 of sequence. MySQL Internals, "MySQL Packets". */
export const MYSQL_HEADER_BYTES = 4;
export const MYSQL_PROTOCOL_10 = 0x0a;
const MYSQL_ERROR = 0xff;
/** ERR_Packet: the mark and the number. */
const MYSQL_ERROR_BYTES = 3;
/** ER_HOST_IS_BLOCKED and ER_CON_COUNT_ERROR. */
const MYSQL_BLOCKED = [1129, 1040];
/** Our choice: a greeting or an error takes far less; a longer packet is something else's. */
export const MAX_GREETING_BYTES = 4_096;

const REDIS_REFUSAL = /^-(DENIED\b|ERR max number of clients)/;
/** The first sentence is enough: protected mode explains itself in 1,065 bytes, more than one packet of spiped's. */
const FIRST_SENTENCE = /^-(.*?)(\. |[\r\n]|$)/;
/** Our choice. */
const MAX_TEXT_CHARS = 160;

/** The refusal that `head`, the first bytes of a connection to `service`, begins with; undefined: none, or too little to tell. */
export function refusalIn(service: Service, head: Uint8Array): Refusal | undefined {
  switch (service) {
    case "redis":
      return redisRefusal(head);
    case "mysql":
      return mysqlRefusal(head);
    case "tcp":
      return undefined;
  }
}

/** The error of a refusal. */
export function refusalError(service: Service, { code, text }: Refusal): TunnelError {
  return new TunnelError(code, `${service === "redis" ? "Redis" : "the database"} refuses connections: ${text}`);
}

/** Whether `head` is the beginning of what `service` says first, and not all of it. */
export function isUnfinished(service: Service, head: Uint8Array): boolean {
  switch (service) {
    case "redis":
      return /^[+-][\x20-\x7e]*\r?$/.test(latin1(head));
    case "mysql":
      return head.length > 0 && mysqlLengthFits(head) && head.length < MYSQL_HEADER_BYTES + mysqlLength(head);
    case "tcp":
      return false;
  }
}

/** A peer's words, harmless in a log or a terminal. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?");
}

function redisRefusal(head: Uint8Array): Refusal | undefined {
  const text = latin1(head);
  if (!REDIS_REFUSAL.test(text)) return undefined;
  return { code: "BACKEND_BLOCKED", text: shortened(FIRST_SENTENCE.exec(text)?.[1] ?? "") };
}

/** An error packet instead of a greeting: its number, perhaps # and five characters of SQL state, its text. */
function mysqlRefusal(head: Uint8Array): Refusal | undefined {
  const body = head.subarray(MYSQL_HEADER_BYTES, MYSQL_HEADER_BYTES + mysqlLength(head));
  if (!mysqlLengthFits(head) || body[0] !== MYSQL_ERROR || body.length < MYSQL_ERROR_BYTES) return undefined;
  const number = (body[1] ?? 0) + 256 * (body[2] ?? 0);
  const words = new TextDecoder().decode(body.subarray(MYSQL_ERROR_BYTES)).replace(/^#[0-9A-Z]{5}/, "");
  return { code: MYSQL_BLOCKED.includes(number) ? "BACKEND_BLOCKED" : "BACKEND_DOWN", text: shortened(`error ${number}, ${words}`) };
}

/** Whether the header, as far as it has come, and the byte after it can be those of a server's first packet. */
function mysqlLengthFits(head: Uint8Array): boolean {
  const [, , high = 0, sequence = 0, mark = MYSQL_PROTOCOL_10] = head;
  if (high !== 0 || sequence !== 0 || (mark !== MYSQL_PROTOCOL_10 && mark !== MYSQL_ERROR)) return false;
  return head.length < 3 || (mysqlLength(head) > 0 && mysqlLength(head) <= MAX_GREETING_BYTES);
}

function mysqlLength(head: Uint8Array): number {
  return (head[0] ?? 0) + 256 * (head[1] ?? 0) + 65_536 * (head[2] ?? 0);
}

function shortened(text: string): string {
  return printable(text)
    .slice(0, MAX_TEXT_CHARS)
    .replace(/[.\s]+$/, "");
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, MAX_GREETING_BYTES));
}
