/**
 * What the two ends say on a stream before its data. Pure.
 *
 *     client ► server   kind u8 ‖ …      0: the target of the entry itself (nothing follows)
 *                                        1: length u8 ‖ name, one of the entry's "targets"
 *                                        4: IPv4 address, 4 bytes ‖ port be16
 *                                        6: IPv6 address, 16 bytes ‖ port be16
 *     server ► client   status u8 ‖ …    0: the backend is connected (nothing follows)
 *                                        1: code length u8 ‖ code ‖ text length be16 ‖ text, then the end
 *
 * The client sends its data right behind, without waiting for the status. Addresses
 * are bytes, never text: text for one and the same address has many forms.
 */
import { type ErrorCode, isErrorCode, TunnelError } from "../../shared/errors.ts";
import { type AskedTarget, TARGET_NAME } from "../../shared/far-target.ts";
import { unmapped } from "../../shared/ip-range.ts";
import { type Message, message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import { concat } from "./keys.ts";

const KIND = { own: 0, name: 1, ipv4: 4, ipv6: 6 } as const;
/** As long as a tunnel's name may be. */
const MAX_NAME_BYTES = 64;
const OWN_TARGET: Uint8Array = Uint8Array.of(KIND.own);
/** How the server's half begins when all is well. */
export const CONNECTED: Uint8Array = Uint8Array.of(0);
const FAILED = 1;

/** The target of a stream, written for the server; undefined: the entry's own. */
export function writeTarget(asked: AskedTarget | undefined): Uint8Array {
  if (!asked) return OWN_TARGET;
  if (asked.kind === "name") {
    const name = new TextEncoder().encode(asked.name);
    return concat([Uint8Array.of(KIND.name, name.length), name]);
  }
  const kind = asked.bytes.length === 4 ? KIND.ipv4 : KIND.ipv6;
  return Uint8Array.of(kind, ...asked.bytes, asked.port >> 8, asked.port & 0xff);
}

/** The first bytes of the client's half, read as far as they have come. */
export type StreamTarget =
  /** `asked` undefined: the entry's own; `size`: how many bytes said so. */
  | { readonly is: "target"; readonly asked: AskedTarget | undefined; readonly size: number }
  /** Of a kind that we don't know, or not well formed: no byte of it is worth reading. */
  | { readonly is: "strange" }
  /** More must come. */
  | { readonly is: "unknown" };

/** Reads a target. */
export function readTarget(bytes: Uint8Array): StreamTarget {
  const [kind, length = 0] = bytes;
  switch (kind) {
    case undefined:
      return { is: "unknown" };
    case KIND.own:
      return { is: "target", asked: undefined, size: 1 };
    case KIND.name: {
      if (bytes.length < 2) return { is: "unknown" };
      if (length === 0 || length > MAX_NAME_BYTES) return { is: "strange" };
      if (bytes.length < 2 + length) return { is: "unknown" };
      const name = new TextDecoder().decode(bytes.subarray(2, 2 + length));
      // The pattern is ASCII: what is not UTF-8 does not fit it either.
      return TARGET_NAME.test(name) ? { is: "target", asked: { kind: "name", name }, size: 2 + length } : { is: "strange" };
    }
    case KIND.ipv4:
    case KIND.ipv6: {
      const size = 1 + (kind === KIND.ipv4 ? 4 : 16) + 2;
      if (bytes.length < size) return { is: "unknown" };
      const port = ((bytes[size - 2] as number) << 8) | (bytes[size - 1] as number);
      if (port === 0) return { is: "strange" };
      return { is: "target", asked: { kind: "address", bytes: unmapped([...bytes.subarray(1, size - 2)]), port }, size };
    }
    default:
      return { is: "strange" };
  }
}

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
    case "TARGET_REFUSED":
      return new TunnelError(
        "TARGET_REFUSED",
        message('the far end does not lead to the backend {0}: its entry has no such target ("targets", "allow")', about),
      );
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
