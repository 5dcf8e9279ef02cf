/**
 * What a failure means, what mends it, and which actions do that: for
 * notifications and for the rows under a tunnel. The texts are those of
 * `shared/contract/codes.ts`, where they don't speak of a shell's commands.
 * What the daemon said itself stands behind them: it names the place.
 */
import { CODES } from "../../../shared/contract/codes.ts";
import type { ErrorCode } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

/** Something that mends a failure or tells more of it; `failureActionLabel` names it. */
export type FailureAction =
  | "approve"
  | "choose-key"
  | "import-key"
  | "generate-key"
  | "fingerprint"
  | "edit"
  | "pick-port"
  | "diagnose"
  | "retry"
  | "server-command"
  | "log"
  | "restart-daemon";

/** What a command does; what has failed is done once more by whoever did it. */
export type MendingAction = Exclude<FailureAction, "retry">;

/** What is known of a failure. */
export interface Failure {
  /** One of `ErrorCode`; a newer daemon's may be another. */
  readonly code: string;
  readonly message: string;
}

/** A failure explained; the texts are plain. */
export interface FailureHelp {
  readonly code: string;
  readonly cause: string;
  readonly cure: string;
  /** The daemon's own words, in English. */
  readonly detail: string;
  /** The most useful first; three at most, for in a notification the labels of more are cut. */
  readonly actions: readonly FailureAction[];
  /** warning: the user has something to do first, nothing has broken. */
  readonly severity: "error" | "warning";
}

/** Our choice: a notification is no place for more. */
const MAX_DETAIL_LENGTH = 300;

/** Actions that are about one tunnel, and make no sense without. */
const OF_A_TUNNEL: readonly FailureAction[] = ["approve", "choose-key", "edit", "pick-port", "diagnose", "server-command"];

/** Codes of which the daemon's words say what the cause says. */
export const SAID_BY_CAUSE: readonly string[] = ["KEY_MISMATCH"];

/** What is known beside the failure itself. */
export interface FailureContext {
  readonly t: Translate;
  /** Whether it is known which tunnel it is about. */
  readonly isOfTunnel: boolean;
  /** Which end of it runs here; undefined: that is not known. */
  readonly role?: "client" | "server" | undefined;
  /** Whether what failed can be done once more. */
  readonly canRepeat?: boolean;
}

/** Explains a failure. */
export function failureHelp(failure: Failure, { t, isOfTunnel, role, canRepeat = false }: FailureContext): FailureHelp {
  const code = knownCode(failure.code);
  const detail = plainText(withoutShellHints(plainText(failure.message)), { maxLength: MAX_DETAIL_LENGTH });
  const actions = code === undefined ? (["diagnose", "log"] as const) : ACTIONS[code];
  return {
    code: plainText(failure.code, { maxLength: 64 }),
    cause: code === undefined ? t("The tunnel does not work.") : causeOf(code, role, t),
    cure: code === undefined ? t("Look at what the daemon says of it.") : cureOf(code, t),
    detail,
    actions: actions.filter((action) => (action === "retry" ? canRepeat : isOfTunnel || !OF_A_TUNNEL.includes(action))),
    severity: code === "NOT_APPROVED" || code === "KEY_NOT_FOUND" ? "warning" : "error",
  };
}

/** A notification's text: the tunnel, what is wrong, what mends it, and the daemon's own words where they say more. */
export function failureText({ cause, cure, code, detail }: FailureHelp, name: string | undefined): string {
  const about = name === undefined ? "" : `${plainText(name, { maxLength: 64 })}: `;
  const isSaid = detail === "" || SAID_BY_CAUSE.includes(code);
  // A notification has no code style: there the marks of one would be read.
  return `${about}${`${cause} ${cure}`.replaceAll("`", "")} (${isSaid ? code : `${code}: ${detail}`})`;
}

/** What an action's button says. */
export function failureActionLabel(action: FailureAction, t: Translate): string {
  switch (action) {
    case "approve":
      return t("Review…");
    case "import-key":
      return t("Import Key…");
    case "generate-key":
      return t("Generate Key…");
    case "choose-key":
      return t("Choose Key…");
    case "fingerprint":
      return t("Compare Fingerprint…");
    case "edit":
      return t("Edit Entry");
    case "pick-port":
      return t("Choose Another Port…");
    case "diagnose":
      return t("Diagnose");
    case "retry":
      return t("Try Again");
    case "server-command":
      return t("Copy Server Command…");
    case "log":
      return t("Show Log");
    case "restart-daemon":
      return t("Restart Daemon");
  }
}

function causeOf(code: ErrorCode, role: FailureContext["role"], t: Translate): string {
  const { causeAt } = CODES[code];
  return causeAt && role ? t(causeAt[role]) : t(CODES[code].cause);
}

/** The commands of the shell that a cure names have their counterparts here. (SHA-256 of a key file is spiped's very secret: nothing to compare by hand.) */
function cureOf(code: ErrorCode, t: Translate): string {
  switch (code) {
    case "NOT_APPROVED":
      return t("Look at what it does, and approve it if you agree.");
    case "KEY_NOT_FOUND":
      return t("Import the key file of the other end, or correct its name or path in the entry.");
    case "KEY_WEAK":
      return t("Generate a new key and copy it to both ends.");
    case "KEY_MISMATCH":
      return t("Compare the key's fingerprint at both ends, and copy the right key file; don't use `-f` at one end and `-g` at the other.");
    case "DAEMON_UNREACHABLE":
      return t("Try again; the log says why it ended, and a restart ends one that waits.");
    case "DAEMON_VERSION":
      return t("Restart the daemon, and update the extension in every window.");
    default:
      return t(CODES[code].cure);
  }
}

/** `("tunneld approve cache")` and the like: of use in a terminal only. */
function withoutShellHints(message: string): string {
  return message.replace(/\s*\("tunneld [^"()]*"\)/g, "").replace(/: "tunneld [^"]*" [^"]*$/, "");
}

function knownCode(code: string): ErrorCode | undefined {
  return Object.hasOwn(CODES, code) ? (code as ErrorCode) : undefined;
}

const ACTIONS: Readonly<Record<ErrorCode, readonly FailureAction[]>> = {
  CONFIG_INVALID: ["edit", "log"],
  NOT_APPROVED: ["approve", "edit"],
  KEY_NOT_FOUND: ["import-key", "generate-key", "choose-key"],
  KEY_PERMISSIONS: ["choose-key", "edit", "retry"],
  KEY_WEAK: ["choose-key", "generate-key", "import-key"],
  LISTEN_IN_USE: ["pick-port", "edit", "retry"],
  LISTEN_DENIED: ["pick-port", "edit", "retry"],
  DNS_FAILED: ["retry", "edit", "diagnose"],
  CONNECT_REFUSED: ["retry", "diagnose", "edit"],
  CONNECT_TIMEOUT: ["retry", "diagnose", "edit"],
  CONNECT_UNREACHABLE: ["retry", "diagnose", "edit"],
  PEER_CLOSED: ["diagnose", "server-command", "edit"],
  NOT_SPIPED: ["server-command", "diagnose", "edit"],
  HANDSHAKE_TIMEOUT: ["retry", "diagnose", "log"],
  KEY_MISMATCH: ["fingerprint", "choose-key", "diagnose"],
  PEER_MAC_INVALID: ["diagnose", "retry", "log"],
  FORWARD_SECRECY_REFUSED: ["edit", "server-command", "diagnose"],
  BACKEND_DOWN: ["diagnose", "retry"],
  BACKEND_BLOCKED: ["diagnose", "retry"],
  RECORD_INVALID: ["retry", "diagnose", "log"],
  TRUNCATED: ["retry", "diagnose", "log"],
  LIMIT_REACHED: ["edit", "log"],
  PLAIN_CLIENT: ["log"],
  DAEMON_UNREACHABLE: ["retry", "restart-daemon", "log"],
  DAEMON_VERSION: ["restart-daemon", "log"],
};
