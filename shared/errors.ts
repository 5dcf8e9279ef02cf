/**
 * The one error type of the project and the closed list of its codes.
 *
 * Every failure a user can meet carries one of these codes, in the state of a
 * tunnel, in a log line, in a counter and in a diagnosis alike. Imports nothing.
 */

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
  "BACKEND_DOWN",
  "BACKEND_BLOCKED",
  "RECORD_INVALID",
  "TRUNCATED",
  "LIMIT_REACHED",
  "PLAIN_CLIENT",
  "DAEMON_UNREACHABLE",
  "DAEMON_VERSION",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The only error this project throws on purpose; `message` is one sentence for a person, without secrets. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
