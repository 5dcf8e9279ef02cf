/**
 * Finds out whether a key file is text, and which keys its usual copies would be:
 * `echo` and editors add a line feed, Windows writes CR LF, some tools a byte
 * order mark. Works on bytes and wipes what it makes; only fingerprints stay.
 */
import { isUtf8 } from "node:buffer";
import type { KeyForm, KeyVariant, KeyVariantHow, LineEnd } from "../../shared/contract/key-form.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { fingerprint, sharedKey } from "../protocol/keys.ts";

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const DELETE = 0x7f;
const UTF8_BOM = Uint8Array.of(0xef, 0xbb, 0xbf);
/** The mark of UTF-16, little-endian, which Windows PowerShell writes with `>`. */
const UTF16_BOM = Uint8Array.of(0xff, 0xfe);

/** The text form of `bytes`, a key file; undefined: not text, like a proper key. The bytes stay as they are. */
export function keyFormOf(suite: CipherSuite, bytes: Uint8Array): KeyForm | undefined {
  const text = textIn(bytes);
  if (!text) return undefined;
  const made: Uint8Array[] = [text.plain];
  try {
    const ends = lineEndOf(text.plain);
    const bare = text.plain.subarray(0, lengthWithoutLineEnd(text.plain));
    if (bare.length === 0) return undefined;
    const copies: (readonly [KeyVariantHow, Uint8Array])[] = [
      ["no-line-end", bare],
      ["lf", withLineEnds(bare, [LF])],
      ["crlf", withLineEnds(bare, [CR, LF])],
      ["no-bom", text.plain],
    ];
    made.push(...copies.map(([, copy]) => copy));
    const variants: KeyVariant[] = [];
    const known = [print(suite, bytes)];
    for (const [how, copy] of copies) {
      const shown = print(suite, copy);
      if (copy.length === 0 || known.includes(shown)) continue;
      known.push(shown);
      variants.push({ how, fingerprint: shown });
    }
    return { ends, hasBom: text.hasBom, variants };
  } finally {
    for (const copy of made) copy.fill(0);
  }
}

/** The text without its byte order mark, in UTF-8; a copy. */
function textIn(bytes: Uint8Array): { readonly plain: Uint8Array; readonly hasBom: boolean } | undefined {
  const hasBom = startsWith(bytes, UTF8_BOM) || isUtf16(bytes);
  const plain = isUtf16(bytes) ? bytes.filter((_, index) => index >= 2 && index % 2 === 0) : bytes.slice(hasBom ? UTF8_BOM.length : 0);
  if (plain.length > 0 && isUtf8(plain) && plain.every(isPrintable)) return { plain, hasBom };
  plain.fill(0);
  return undefined;
}

/** Whether the text is UTF-16 of characters that fit in one byte; others don't occur in keys that people type. */
function isUtf16(bytes: Uint8Array): boolean {
  return startsWith(bytes, UTF16_BOM) && bytes.length % 2 === 0 && bytes.every((byte, index) => index < 2 || index % 2 === 0 || byte === 0);
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte !== DELETE) || byte === TAB || byte === CR || byte === LF;
}

function lineEndOf(text: Uint8Array): LineEnd {
  const [before, last] = text.subarray(-2).length === 2 ? text.subarray(-2) : [undefined, text[0]];
  if (last === LF) return before === CR ? "crlf" : "lf";
  return last === CR ? "cr" : "none";
}

function lengthWithoutLineEnd(text: Uint8Array): number {
  let length = text.length;
  while (length > 0 && (text[length - 1] === LF || text[length - 1] === CR)) length -= 1;
  return length;
}

/** The lines of `text`, each with this end, the last one too. */
function withLineEnds(text: Uint8Array, end: readonly number[]): Uint8Array {
  const ended: number[] = [];
  for (const [index, byte] of text.entries()) {
    if (byte === LF && text[index - 1] === CR) continue;
    if (byte === LF || byte === CR) ended.push(...end);
    else ended.push(byte);
  }
  const copy = Uint8Array.from([...ended, ...end]);
  ended.fill(0);
  return copy;
}

function print(suite: CipherSuite, bytes: Uint8Array): string {
  const key = sharedKey(suite, bytes);
  const shown = fingerprint(suite, key);
  key.fill(0);
  return shown;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}
