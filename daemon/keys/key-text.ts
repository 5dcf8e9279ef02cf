/**
 * The forms in which a key may be handed over, turned into the bytes of a key
 * file. K is the hash of these bytes, so they must be exactly what the other end
 * has: nothing is trimmed from a file, and text is decoded strictly. Pure.
 */
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { checkKeyLength } from "./key-file-access.ts";

/** A key as it comes in. `bytes` are a key file's, taken as they are, a trailing newline included. */
export type KeyInput =
  | { readonly form: "bytes"; readonly bytes: Uint8Array }
  | { readonly form: "base64"; readonly text: string }
  | { readonly form: "hex"; readonly text: string };

/**
 * The bytes of the key file; a copy, which the caller wipes. `name` is for the error.
 * @throws TunnelError CONFIG_INVALID for text that is not of its form, KEY_WEAK
 */
export function keyBytes(input: KeyInput, name: string): Uint8Array {
  const bytes = decode(input);
  try {
    checkKeyLength(bytes.length, name);
    return bytes;
  } catch (error) {
    bytes.fill(0);
    throw error;
  }
}

function decode(input: KeyInput): Uint8Array {
  switch (input.form) {
    case "bytes":
      return Uint8Array.from(input.bytes);
    case "base64":
      return fromBase64(input.text.replace(/\s/g, ""));
    case "hex":
      return fromHex(input.text.replace(/\s/g, ""));
  }
}

/** RFC 4648, 4 and 5: either alphabet but not both, padding whole or left out, unused bits zero. */
function fromBase64(text: string): Uint8Array {
  const digits = text.replace(/=+$/, "");
  const padded = text.length !== digits.length;
  const ofAlphabet = /^[A-Za-z0-9+/]*$/.test(digits) || /^[A-Za-z0-9_-]*$/.test(digits);
  if (!ofAlphabet || digits.length % 4 === 1 || (padded && text.length !== Math.ceil(digits.length / 4) * 4)) {
    throw invalid(message("the key is not base64: copy all of it (A-Z, a-z, 0-9, + and /), or import the key file itself"));
  }
  const bytes = ownCopy(Buffer.from(digits, "base64url"));
  if (Buffer.from(bytes.buffer).toString("base64url") !== digits.replaceAll("+", "-").replaceAll("/", "_")) {
    throw invalid(message("the key is not whole: its last character can't be the end of base64, copy all of it"));
  }
  return bytes;
}

function fromHex(text: string): Uint8Array {
  if (!/^[0-9a-f]*$/i.test(text)) throw invalid(message("the key is not hexadecimal: it has other characters than 0-9 and a-f"));
  if (text.length % 2 !== 0) throw invalid(message("the key is not whole: {0} hexadecimal digits is an odd number, copy all of it", text.length));
  return ownCopy(Buffer.from(text, "hex"));
}

/** Copies out of Node's shared pool for small buffers, so that no key stays in the pool. */
function ownCopy(decoded: Buffer): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(decoded);
  decoded.fill(0);
  return bytes;
}

function invalid(what: Message): TunnelError {
  return new TunnelError("CONFIG_INVALID", what);
}
