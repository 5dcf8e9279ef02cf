/**
 * What the two ends say on a stream before its data. Pure.
 *
 *     client ► server   kind u8 ‖ …      0: the target of the entry itself (nothing follows)
 *     server ► client   status u8 ‖ …    0: the backend is connected (nothing follows)
 *                                        1: code length u8 ‖ code ‖ text length be16 ‖ text, then the end
 *
 * The client sends its data right behind, without waiting for the status. Other
 * kinds of targets are refused, until a version of ours knows them.
 */
import { type ErrorCode, isErrorCode, TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import { concat } from "./keys.ts";

/** How a stream to the entry's own target begins. */
export const OWN_TARGET: Uint8Array = Uint8Array.of(0);
/** How the server's half begins when all is well. */
export const CONNECTED: Uint8Array = Uint8Array.of(0);
const FAILED = 1;

/** The design's bound on the text of a refusal. */
const MAX_TEXT_BYTES = 256;
const MAX_CODE_BYTES = 64;

/** The server's half of a stream that it can't serve; `about` is what the failure is about: an address, or nothing. */
export function writeRefusal(code: ErrorCode, about: string): Uint8Array {
  const word = new TextEncoder().encode(code);
  const text = new TextEncoder().encode(about).subarray(0, MAX_TEXT_BYTES);
  return concat([Uint8Array.of(FAILED, word.length), word, Uint8Array.of(text.length >> 8, text.length & 0xff), text]);
}

/** The first bytes of the server's half, read as far as they have come. */
export type StreamStatus =
  | { readonly is: "connected"; readonly rest: Uint8Array }
  | { readonly is: "refused"; readonly error: TunnelError }
  /** More must come. */
  | { readonly is: "unknown" };

/** Reads a status. @throws TunnelError RECORD_INVALID */
export function readStatus(bytes: Uint8Array): StreamStatus {
  if (bytes.length === 0) return { is: "unknown" };
  if (bytes[0] === 0) return { is: "connected", rest: bytes.subarray(1) };
  if (bytes[0] !== FAILED) throw strange();
  const codeEnd = 2 + (bytes[1] ?? 0);
  if (codeEnd > 2 + MAX_CODE_BYTES) throw strange();
  if (bytes.length < codeEnd + 2) return { is: "unknown" };
  const textEnd = codeEnd + 2 + (((bytes[codeEnd] as number) << 8) | (bytes[codeEnd + 1] as number));
  if (textEnd > codeEnd + 2 + MAX_TEXT_BYTES) throw strange();
  if (bytes.length < textEnd) return { is: "unknown" };
  const code = new TextDecoder().decode(bytes.subarray(2, codeEnd));
  return { is: "refused", error: refusedByFarEnd(code, plainText(new TextDecoder().decode(bytes.subarray(codeEnd + 2, textEnd)))) };
}

function strange(): TunnelError {
  return new TunnelError("RECORD_INVALID", message("the far end's answer on a stream has a form that none has: it is another version, or not ours"));
}

/** The far end's own reason, in our words: certain, and in the language of whoever reads it. */
function refusedByFarEnd(code: string, about: string): TunnelError {
  const down = (why: Message): TunnelError => new TunnelError("BACKEND_DOWN", why);
  switch (isErrorCode(code) ? code : undefined) {
    case "LIMIT_REACHED":
      return new TunnelError("LIMIT_REACHED", message("the far end has all the connections that it takes: raise maxConnections there, or close some"));
    case "CONFIG_INVALID":
      return down(message("the far end's entry would lead to itself ({0}): correct its target there", about));
    case "CONNECT_REFUSED":
      return down(message("the far end says that its backend {0} refuses connections: nothing listens there", about));
    case "CONNECT_TIMEOUT":
      return down(message("the far end says that its backend {0} does not answer", about));
    case "CONNECT_UNREACHABLE":
      return down(message("the far end says that there is no way from it to its backend {0}", about));
    case "DNS_FAILED":
      return down(message("the far end says that it can't resolve the name of its backend {0}", about));
    default:
      return down(message("the far end says that it can't serve the connection ({0}, {1})", plainText(code), about));
  }
}
