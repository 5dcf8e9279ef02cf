/**
 * The facts of MySQL's packets that more than one file needs. Pure.
 *
 * Source: MySQL Internals, "MySQL Packets", "Protocol::HandshakeV10", "ERR_Packet"
 */

/** Packet header: length (3, little-endian), sequence (1). */
export const MYSQL_HEADER_BYTES = 4;
/** First byte of a greeting: the version of the protocol. */
export const MYSQL_PROTOCOL_10 = 0x0a;
/** First byte of an error packet. */
export const MYSQL_ERROR = 0xff;
/** ERR_Packet: the mark and the number (2, little-endian). */
export const MYSQL_ERROR_BYTES = 3;

/** The length of the packet that `head` begins with, without its header; bytes that have not arrived count as 0. */
export function mysqlLength(head: Uint8Array): number {
  return (head[0] ?? 0) + 256 * (head[1] ?? 0) + 65_536 * (head[2] ?? 0);
}
