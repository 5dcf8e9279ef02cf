/**
 * A failure in one to three words, for rows and tables: which one it is, at a
 * glance. What it means and what mends it is in `failures/`. Pure.
 */
import type { ErrorCode } from "../../../shared/errors.ts";
import type { Translate } from "../translate.ts";

/** undefined: the code says less than the tunnel's state. */
export function failureWord(code: string, t: Translate): string | undefined {
  switch (code as ErrorCode) {
    case "NOT_APPROVED":
      return t("not approved");
    case "KEY_NOT_FOUND":
      return t("key missing");
    case "KEY_PERMISSIONS":
      return t("key file not private");
    case "KEY_WEAK":
      return t("weak key");
    case "LISTEN_IN_USE":
      return t("port in use");
    case "LISTEN_DENIED":
      return t("port not allowed");
    case "DNS_FAILED":
      return t("host not found");
    case "CONNECT_REFUSED":
      return t("refused");
    case "CONNECT_TIMEOUT":
    case "HANDSHAKE_TIMEOUT":
      return t("no answer");
    case "CONNECT_UNREACHABLE":
      return t("unreachable");
    case "PEER_CLOSED":
      return t("closed by the far end");
    case "NOT_SPIPED":
      return t("not a tunnel");
    case "KEY_MISMATCH":
      return t("wrong key");
    case "FORWARD_SECRECY_REFUSED":
      return t("no forward secrecy");
    case "WIRE_REFUSED":
      return t("wrong wire");
    case "TARGET_REFUSED":
      return t("backend not allowed");
    case "BACKEND_DOWN":
      return t("service not answering");
    case "BACKEND_BLOCKED":
      return t("service refuses");
    case "LIMIT_REACHED":
      return t("limit reached");
    case "CONFIG_INVALID":
    case "PEER_MAC_INVALID":
    case "RECORD_INVALID":
    case "TRUNCATED":
    case "PLAIN_CLIENT":
    case "DAEMON_UNREACHABLE":
    case "DAEMON_VERSION":
    case "STATE_NOT_SAVED":
      return undefined;
    default:
      // A newer daemon's own code.
      return undefined;
  }
}
