/**
 * A failure code in two or three words, for titles: "Wrong key" for KEY_MISMATCH.
 * The code itself follows in brackets, so that it can be searched for. Pure.
 */
import { type ErrorCode, isErrorCode } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

/** "Wrong key (KEY_MISMATCH)"; a code that only a newer daemon has stands alone. */
export function codeTitle(code: string, t: Translate): string {
  const name = isErrorCode(code) ? NAMES[code](t) : undefined;
  const shown = plainText(code, { maxLength: 64 });
  return name === undefined ? shown : t("{0} ({1})", name, shown);
}

const NAMES: Readonly<Record<ErrorCode, (t: Translate) => string>> = {
  CONFIG_INVALID: (t) => t("Mistake in the entry"),
  NOT_APPROVED: (t) => t("Not approved"),
  KEY_NOT_FOUND: (t) => t("Key missing"),
  KEY_PERMISSIONS: (t) => t("Key file open to others"),
  KEY_WEAK: (t) => t("Unusable key file"),
  LISTEN_IN_USE: (t) => t("Port taken"),
  LISTEN_DENIED: (t) => t("Port not allowed"),
  DNS_FAILED: (t) => t("Host name not found"),
  CONNECT_REFUSED: (t) => t("Connection refused"),
  CONNECT_TIMEOUT: (t) => t("No answer to the connection"),
  CONNECT_UNREACHABLE: (t) => t("Host unreachable"),
  PEER_CLOSED: (t) => t("Connection closed by the far end"),
  NOT_SPIPED: (t) => t("Not an encrypted tunnel"),
  HANDSHAKE_TIMEOUT: (t) => t("No answer from the far end"),
  KEY_MISMATCH: (t) => t("Wrong key"),
  PEER_MAC_INVALID: (t) => t("Wrong proof of the key"),
  FORWARD_SECRECY_REFUSED: (t) => t("Forward secrecy refused"),
  WIRE_REFUSED: (t) => t("Wire refused"),
  TARGET_REFUSED: (t) => t("Backend not allowed"),
  BACKEND_DOWN: (t) => t("Service not working"),
  BACKEND_BLOCKED: (t) => t("Blocked by the service"),
  RECORD_INVALID: (t) => t("Data changed on the way"),
  TRUNCATED: (t) => t("Connection cut"),
  LIMIT_REACHED: (t) => t("Too many connections"),
  PLAIN_CLIENT: (t) => t("Unencrypted client"),
  DAEMON_UNREACHABLE: (t) => t("Daemon not reachable"),
  DAEMON_VERSION: (t) => t("Daemon of another version"),
  STATE_NOT_SAVED: (t) => t("Change not saved"),
};
