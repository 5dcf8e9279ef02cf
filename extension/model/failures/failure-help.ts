/**
 * What a failure means, what fixes it, and which actions do that: for the rows
 * under a tunnel and the buttons of notifications, whose text `failure-brief.ts` makes. The texts come from
 * `shared/contract/codes.ts`, in the forms without shell commands. The daemon's own
 * message follows them, because it says where the failure is.
 */
import { CODES } from "../../../shared/contract/codes.ts";
import { SET_TLS, UNSET_TLS } from "../../../shared/contract/tls-advice.ts";
import { type ErrorCode, isErrorCode } from "../../../shared/errors.ts";
import { formatMessage, type Message } from "../../../shared/message.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import { type SaidWords, says, wordsIn } from "./daemon-words.ts";
import { portOwnerOf, portOwnerText } from "./port-owner.ts";

/** An action that fixes a failure or tells more about it; `failureActionLabel` has its label. */
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

/** The actions that a command carries out. "retry" is not one: the code that ran the failed action repeats it. */
export type MendingAction = Exclude<FailureAction, "retry">;

/** Whether an id from a page is an action that a command carries out. */
export function isMendingAction(id: string): id is MendingAction {
  return id !== "retry" && (Object.values(ACTIONS).flat() as readonly string[]).includes(id);
}

/** What is known of a failure. */
export interface Failure extends SaidWords {
  /** One of `ErrorCode`; a newer daemon may have other codes. */
  readonly code: string;
}

/** A failure explained; the texts are plain. */
export interface FailureHelp {
  readonly code: string;
  readonly cause: string;
  readonly cure: string;
  /** The daemon's own words, in the user's language where it gives their template. */
  readonly detail: string;
  /** The most useful first; three at most, because a notification cuts the labels of more. */
  readonly actions: readonly FailureAction[];
}

/** Our choice: a notification has no room for more. */
const MAX_DETAIL_LENGTH = 300;

/** Actions that make no sense without a tunnel. */
const OF_A_TUNNEL: readonly FailureAction[] = ["approve", "choose-key", "edit", "pick-port", "diagnose", "server-command"];

/** Codes for which the daemon's message says the same as the cause. */
export const SAID_BY_CAUSE: readonly string[] = ["KEY_MISMATCH"];

/** What is known apart from the failure itself. */
export interface FailureContext {
  readonly t: Translate;
  /** Whether it is known which tunnel the failure is about. */
  readonly isOfTunnel: boolean;
  /** Which end of the tunnel runs here; undefined: not known. */
  readonly role?: "client" | "server" | undefined;
  /** Whether the failed action can be repeated. */
  readonly canRepeat?: boolean;
}

/** Explains a failure. */
export function failureHelp(failure: Failure, { t, isOfTunnel, role, canRepeat = false }: FailureContext): FailureHelp {
  const code = isErrorCode(failure.code) ? failure.code : undefined;
  const detail = plainText(withoutShellHints(failure, t), { maxLength: MAX_DETAIL_LENGTH });
  const particular = code === "BACKEND_DOWN" ? tlsHelp(failure, t) : code === "LISTEN_IN_USE" ? ownerHelp(failure.message, t) : undefined;
  const actions = code === undefined ? (["diagnose", "log"] as const) : (particular?.actions ?? ACTIONS[code]);
  return {
    code: plainText(failure.code, { maxLength: 64 }),
    cause: particular?.cause ?? (code === undefined ? t("The tunnel does not work.") : causeOf(code, role, t)),
    cure: particular?.cure ?? (code === undefined ? t("Look at what the daemon says of it.") : cureOf(code, t)),
    detail: particular ? "" : detail,
    actions: actions.filter((action) => (action === "retry" ? canRepeat : isOfTunnel || !OF_A_TUNNEL.includes(action))),
  };
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

/** The help for a service whose use of TLS differs from what the entry says. */
export function tlsHelp({ message, reason }: Failure, t: Translate): Pick<FailureHelp, "cause" | "cure" | "actions"> | undefined {
  const isAbout = (advice: Message): boolean => says(reason, advice) || message.includes(formatMessage(advice));
  if (isAbout(UNSET_TLS))
    return { cause: t("The service speaks no TLS."), cure: t('Remove "tls": true from its entry.'), actions: ["edit", "diagnose", "retry"] };
  if (isAbout(SET_TLS)) return { cause: t("The service speaks TLS."), cure: t('Add "tls": true to its entry.'), actions: ["edit", "diagnose", "retry"] };
  return undefined;
}

/** The help for a port whose owner is known. */
function ownerHelp(message: string, t: Translate): Pick<FailureHelp, "cause" | "cure" | "actions"> | undefined {
  const owner = portOwnerOf(message);
  if (!owner) return undefined;
  const cure = owner.isEnding ? t("It ends with its last connection.") : t("Stop that program or choose another port.");
  return { cause: portOwnerText(owner, t), cure, actions: ACTIONS.LISTEN_IN_USE };
}

function causeOf(code: ErrorCode, role: FailureContext["role"], t: Translate): string {
  const { causeAt } = CODES[code];
  return causeAt && role ? t(causeAt[role]) : t(CODES[code].cause);
}

function cureOf(code: ErrorCode, t: Translate): string {
  const { cure, cureInWindow } = CODES[code];
  return t(cureInWindow ?? cure);
}

/** The daemon's message without terminal hints. An older daemon does not mark them: `("tunneld approve cache")` and the like. */
function withoutShellHints(failure: Failure, t: Translate): string {
  return plainText(wordsIn(failure, t))
    .replace(/\s*\("tunneld [^"()]*"\)/g, "")
    .replace(/: "tunneld [^"]*" [^"]*$/, "");
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
  WIRE_REFUSED: ["edit", "diagnose"],
  TARGET_REFUSED: ["edit", "diagnose"],
  BACKEND_DOWN: ["diagnose", "retry"],
  BACKEND_BLOCKED: ["diagnose", "retry"],
  RECORD_INVALID: ["retry", "diagnose", "log"],
  TRUNCATED: ["retry", "diagnose", "log"],
  LIMIT_REACHED: ["edit", "log"],
  PLAIN_CLIENT: ["log"],
  DAEMON_UNREACHABLE: ["retry", "restart-daemon", "log"],
  DAEMON_VERSION: ["restart-daemon", "log"],
  STATE_NOT_SAVED: ["retry", "log"],
};
