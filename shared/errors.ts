/**
 * The one error type of the project and the closed list of its codes.
 *
 * Every failure a user can meet carries one of these codes, in the state of a
 * tunnel, in a log line, in a counter and in a diagnosis alike.
 */
import { formatMessage, type Message } from "./message.ts";

/** Stable code strings: once released, a code is never renamed or given another meaning. */
export const ERROR_CODES = [
  "CONFIG_INVALID",
  "NOT_APPROVED",
  "KEY_NOT_FOUND",
  "KEY_PERMISSIONS",
  "KEY_WEAK",
  "LISTEN_IN_USE",
  "LISTEN_DENIED",
  "DNS_FAILED",
  "CONNECT_REFUSED",
  "CONNECT_TIMEOUT",
  "CONNECT_UNREACHABLE",
  "PEER_CLOSED",
  "NOT_SPIPED",
  "HANDSHAKE_TIMEOUT",
  "KEY_MISMATCH",
  "PEER_MAC_INVALID",
  "FORWARD_SECRECY_REFUSED",
  "WIRE_REFUSED",
  "TARGET_REFUSED",
  "BACKEND_DOWN",
  "BACKEND_BLOCKED",
  "RECORD_INVALID",
  "TRUNCATED",
  "LIMIT_REACHED",
  "PLAIN_CLIENT",
  "DAEMON_UNREACHABLE",
  "DAEMON_VERSION",
  "STATE_NOT_SAVED",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Whether something received is a code that this version knows. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return ERROR_CODES.some((known) => known === code);
}

/** What a {@link TunnelError} may have besides code and message. */
export interface TunnelErrorOptions extends ErrorOptions {
  /** What to do in a terminal: the message ends with it there; windows with buttons leave it out. */
  readonly hint?: string;
}

/** The only error this project throws on purpose; `message` is one sentence for a person, without secrets. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly code: ErrorCode;
  /** What `message` says, without the hint, in a form that a window says in its own language; undefined: only the text is known. */
  declare readonly reason?: Message;
  /** The end of `message` that is of use in a terminal only. */
  declare readonly hint?: string;

  /** A plain string is for the terminal's commands, and for words whose template isn't known. */
  constructor(code: ErrorCode, reason: string | Message, { hint, ...options }: TunnelErrorOptions = {}) {
    const text = typeof reason === "string" ? reason : formatMessage(reason);
    super(hint === undefined ? text : `${text}${hint}`, options);
    this.code = code;
    if (typeof reason !== "string") this.reason = reason;
    if (hint !== undefined) this.hint = hint;
  }
}

/** A failure as it goes over the wire; see {@link TunnelError}. */
export interface FailureWords {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason?: Message;
  readonly hint?: string;
}

/** The words of an error, for a record or a message. */
export function wordsOf({ code, message, reason, hint }: TunnelError): FailureWords {
  return { code, message, ...(reason !== undefined && { reason }), ...(hint !== undefined && { hint }) };
}

/** What an error says, without its hint: to be said again by another error. */
export function saidBy(error: { readonly message: string; readonly reason?: Message | undefined }): string | Message {
  return error.reason ?? error.message;
}

/** Words that came over the wire. */
export interface ReceivedWords {
  readonly code: ErrorCode;
  readonly message: string;
  readonly reason?: Message | undefined;
  readonly hint?: string | undefined;
}

/** An error from words that came over the wire; a reason that does not say what the message says is dropped. */
export function errorFrom({ code, message, reason, hint }: ReceivedWords, options?: ErrorOptions): TunnelError {
  const isHinted = hint !== undefined && message.endsWith(hint);
  const text = isHinted ? message.slice(0, -hint.length) : message;
  const said = reason !== undefined && formatMessage(reason) === text ? reason : text;
  return new TunnelError(code, said, isHinted ? { ...options, hint } : options);
}

/** Whether the fault is in a key file of this machine. KEY_MISMATCH is no such fault: there the two ends differ. */
export function isKeyFileFault(code: ErrorCode): boolean {
  return code === "KEY_NOT_FOUND" || code === "KEY_PERMISSIONS" || code === "KEY_WEAK";
}
