/**
 * Whether the first bytes on an encrypted port certainly come from a plain
 * client, so that the client need not be kept waiting. A peer of ours begins with
 * 32 random bytes, which may arrive one by one. So bytes count only if random
 * bytes equal them less often than once in 2^40. `recognise.ts` says what the
 * client is; some of its signatures are shorter than 40 bits. Pure.
 */
import { recogniseClient } from "./recognise.ts";

/** A peer of ours is turned away by mistake less often than once in 2^40 connections. */
const MIN_BITS = 40;

/** Bits that a byte fixes: one known value; one letter in either case; any printable character, log2(256 / 95). */
const BITS = { byte: 8, letter: 7, printable: 1.43 };

const REDIS_ARRAY = /^\*\d+\r\n\$\d+\r\n/;
/** A command word, what follows it, the line's end. */
const REDIS_LINE = /^([A-Z]+)( [\x20-\x7e]*?)?(\r?\n)/i;
/** `recognise.ts` knows fewer than 2^4 words. */
const REDIS_WORDS_BITS = 4;
/** Long enough for 40 bits: GET and PUT with "/" are 39 bits, and each further character is one and a half. */
const HTTP_REQUEST =
  /^(?:(?:GET|PUT) (?:\/[\x21-\x7e]{3}|\/[\x21-\x7e]{0,2} HTTP\/|http)|(?:HEAD|POST) (?:\/|http)|(?:PATCH|TRACE|DELETE|OPTIONS|CONNECT) |PRI \* )/;

/** See the file's header. */
export function isPlainOpening(head: Uint8Array): boolean {
  const seen = recogniseClient(head);
  switch (seen?.protocol) {
    case "redis":
      return isRedisOpening(textOf(head));
    case "http":
      return HTTP_REQUEST.test(textOf(head));
    case "mysql": // 19 NULs and a number
    case "postgres": // 48 bits
    case "mongodb": // 64 bits
    case "ssh": // 57 bits
    case "tls": // 47 bits
      return true;
    case "text":
    case undefined:
      return false;
  }
}

/** `*1\r\n$4\r\n` is 56 bits. A line may have too few: PING and CRLF are enough, PING and LF are not. */
function isRedisOpening(text: string): boolean {
  if (REDIS_ARRAY.test(text)) return true;
  const [, word = "", rest = "", end = ""] = REDIS_LINE.exec(text) ?? [];
  const restBits = rest === "" ? 0 : BITS.byte + (rest.length - 1) * BITS.printable;
  return word.length * BITS.letter + restBits + end.length * BITS.byte - REDIS_WORDS_BITS >= MIN_BITS;
}

function textOf(head: Uint8Array): string {
  return String.fromCharCode(...head);
}
