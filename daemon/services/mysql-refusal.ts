/**
 * Tells a client of MySQL or MariaDB that there is no connection for it: an error
 * packet in place of the greeting, which is the first thing a server says. Pure.
 *
 *     +-----------+----+------+-----------+---+----------+------+
 *     | length    | 0  | 0xff | number    | # | SQLSTATE | text |
 *     | 3, little |    |      | 2, little |   | 5        |      |
 *     +-----------+----+------+-----------+---+----------+------+
 *
 * Source: MySQL Internals, "ERR_Packet" · mysqld_error.h. With "#" and the SQLSTATE,
 * although no capability was agreed on: without them MariaDB's connectors call the
 * packet malformed.
 */
import { MYSQL_ERROR, MYSQL_ERROR_BYTES, MYSQL_HEADER_BYTES, mysqlLength } from "./mysql-packets.ts";
import type { Refuser } from "./refuser.ts";

/** ER_NET_READ_ERROR and its SQLSTATE, "communication link failure": clients take the connection for lost, and may try again. */
const NUMBER = 1158;
const SQLSTATE = "#08S01";

const NO_BYTES = new Uint8Array(0);

/** See the file's header. */
export class MySqlRefuser implements Refuser {
  #hasSpoken = false;
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Who speaks before the server has greeted is no client of MySQL. */
  passed(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#hasSpoken = true;
  }

  canBegin(): boolean {
    return !this.#hasSpoken;
  }

  begin(line: string): Uint8Array | undefined {
    if (!this.canBegin()) return undefined;
    this.#isOver = true;
    const text = new TextEncoder().encode(`${SQLSTATE}${line}`);
    const length = MYSQL_ERROR_BYTES + text.length;
    const packet = new Uint8Array(MYSQL_HEADER_BYTES + length);
    packet.set([length & 0xff, length >> 8, 0, 0, MYSQL_ERROR, NUMBER & 0xff, NUMBER >> 8]);
    packet.set(text, MYSQL_HEADER_BYTES + MYSQL_ERROR_BYTES);
    return packet;
  }

  /** What it says to an error is of no interest. */
  more(): Uint8Array {
    return NO_BYTES;
  }
}

/** The line in a packet of ours; undefined: it is none. */
export function readMySqlRefusal(head: Uint8Array): string | undefined {
  const body = head.subarray(MYSQL_HEADER_BYTES, MYSQL_HEADER_BYTES + mysqlLength(head));
  const number = (body[1] ?? 0) + 256 * (body[2] ?? 0);
  if (body[0] !== MYSQL_ERROR || number !== NUMBER) return undefined;
  const text = new TextDecoder().decode(body.subarray(MYSQL_ERROR_BYTES));
  return text.startsWith(SQLSTATE) ? text.slice(SQLSTATE.length) : undefined;
}
