/**
 * A failure as a notification says it: the particular fact and one cure in at most
 * 140 characters, the code last in brackets. Everything else is one click away, in
 * the diagnosis, the log and the rows under the tunnel. Pure.
 */
import { basename } from "node:path";
import { SERVICE_TITLES } from "../../../shared/contract/service-titles.ts";
import type { Service } from "../../../shared/contract/tunnels-file.ts";
import { type ErrorCode, isErrorCode } from "../../../shared/errors.ts";
import { formatMessage, type Message, type MessageArgument, textOf } from "../../../shared/message.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { isEnglish, type Translate } from "../translate.ts";
import { wordsIn } from "./daemon-words.ts";
import { type Failure, tlsHelp } from "./failure-help.ts";

/** A notification is no longer than this: a longer one is a wall of text. */
export const MAX_NOTICE_LENGTH = 140;

/** Our choice: names and addresses are shortened in these steps until the text fits. */
const LIMITS = [64, 48, 32, 24, 16, 10];

/** What is known of the tunnel that failed; nothing of it is plain yet. */
export interface FailedTunnel {
  readonly name: string;
  readonly role?: "client" | "server" | undefined;
  readonly service?: Service | undefined;
  readonly target?: string | undefined;
  /** Where it listens. */
  readonly listen?: string | undefined;
  /** The name of its key, if the entry names one. */
  readonly key?: string | undefined;
}

/** The notification's text. `tunnel`: undefined when the failure is about none. */
export function failureBrief(failure: Failure, tunnel: FailedTunnel | undefined, t: Translate): string {
  const told = { failure, tunnel, t };
  // The particular words first, however short names must be for that.
  const texts = [tlsBrief, particular, particularFact, general].flatMap((make) => LIMITS.flatMap((limit) => framed(make(told, limit), told, limit)));
  const fitting = texts.find((text) => text.length <= MAX_NOTICE_LENGTH);
  return fitting ?? plainText(texts.at(-1) ?? "", { maxLength: MAX_NOTICE_LENGTH });
}

/** Many failures at once, in one notification: `failed` of `total` tunnels that were opened together. */
export function failuresBrief(failed: readonly { readonly name: string; readonly code: string }[], total: number, t: Translate): string {
  const codes = [...new Set(failed.map(({ code }) => plainText(code, { maxLength: 32 })))];
  const texts = [6, 5, 4, 3, 2, 1].flatMap((most) => LIMITS.map((limit) => summary({ failed, total, codes, t }, most, limit)));
  return texts.find((text) => text.length <= MAX_NOTICE_LENGTH) ?? t("{0} of {1} tunnels don't work", failed.length, total);
}

interface Summed {
  readonly failed: readonly { readonly name: string }[];
  readonly total: number;
  readonly codes: readonly string[];
  readonly t: Translate;
}

function summary({ failed, total, codes, t }: Summed, most: number, limit: number): string {
  const names = failed.slice(0, most).map(({ name }) => plainText(name, { maxLength: limit }));
  const list = names.join(t(", "));
  const rest = failed.length - names.length;
  const all = rest === 0 ? list : t("{0} and {1} more", list, rest);
  const shown = codes.length <= most ? codes.join(t(", ")) : t("{0} and {1} more", codes.slice(0, most).join(t(", ")), codes.length - most);
  return t("{0} of {1} tunnels don't work: {2} ({3})", failed.length, total, all, shown);
}

interface Told {
  readonly failure: Failure;
  readonly tunnel: FailedTunnel | undefined;
  readonly t: Translate;
}

/** With the tunnel's name before it and the code behind it. */
function framed(text: string | undefined, { failure, tunnel, t }: Told, limit: number): string[] {
  if (text === undefined) return [];
  const code = plainText(failure.code, { maxLength: 32 });
  return [tunnel === undefined ? t("{0} ({1})", text, code) : t("{0}: {1} ({2})", plainText(tunnel.name, { maxLength: limit }), text, code)];
}

/** A service whose use of TLS differs from what its entry says. */
function tlsBrief({ failure, t }: Told): string | undefined {
  const help = failure.code === "BACKEND_DOWN" ? tlsHelp(failure, t) : undefined;
  return help && t("{0} {1}", help.cause, help.cure);
}

/** Codes whose reason names a place, a number or a fault that no general text knows. */
const PARTICULAR: readonly string[] = [
  ...["CONFIG_INVALID", "KEY_PERMISSIONS", "KEY_WEAK"],
  ...["LIMIT_REACHED", "STATE_NOT_SAVED", "DAEMON_UNREACHABLE", "DAEMON_VERSION"],
];

/** A command line, which is of no use in a window. */
const OF_A_TERMINAL = /\btunneld \w|--\w|\b(?:chmod|ulimit)\b/;

/** What the reason itself says, fact and cure. */
function particular(told: Told, limit: number): string | undefined {
  const text = reasonWithin(told, limit);
  return text === undefined || OF_A_TERMINAL.test(text) ? undefined : sentence(text, told.t);
}

/** The same without its cure, which stands behind the last colon. */
function particularFact(told: Told, limit: number): string | undefined {
  const text = reasonWithin(told, limit);
  const fact = text && /^(.+)(?:: |：).*$/s.exec(text)?.[1];
  return fact === undefined || fact === "" || OF_A_TERMINAL.test(fact) ? undefined : sentence(fact, told.t);
}

function reasonWithin({ failure, t }: Told, limit: number): string | undefined {
  if (!PARTICULAR.includes(failure.code) || !isInLanguage(failure, t)) return undefined;
  const { reason } = failure;
  if (reason === undefined) return plainText(wordsIn(failure, t)) || undefined;
  const [path = "", line = "", , what] = reason.template === "{0}:{1}:{2}: {3}" ? reason.args : [];
  if (what !== undefined) return t("{0}, line {1}: {2}", plainText(basename(String(path).replaceAll("\\", "/"))), String(line), plainText(textOf(what, t)));
  return plainText(wordsIn({ message: formatMessage(reason), reason: shortened(reason, limit) }, t));
}

/** With arguments that are no longer than `limit`. */
function shortened({ template, args }: Message, limit: number): Message {
  const short = (arg: MessageArgument): MessageArgument =>
    typeof arg === "object" ? shortened(arg, limit) : typeof arg === "string" ? plainText(arg, { maxLength: limit }) : arg;
  return { template, args: args.map(short) };
}

/** Whether what is said is in the user's language. Our own errors are, without a reason; the English of an older daemon may not be. */
function isInLanguage({ reason, message }: Failure, t: Translate): boolean {
  return isEnglish(t) || reason !== undefined || /\P{ASCII}/u.test(message);
}

function sentence(text: string, t: Translate): string {
  if (text === "") return "";
  const capital = /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.?!。？！]$/.test(capital) ? capital : t("{0}.", capital);
}

/** What goes into the texts, each plain and shortened. */
interface Shown {
  readonly target: string;
  /** The target without its port. */
  readonly host: string;
  readonly listen: string;
  readonly key: string | undefined;
  readonly service: string;
  readonly role: "client" | "server" | undefined;
  readonly reason: readonly MessageArgument[];
  readonly template: string;
  readonly message: string;
  readonly limit: number;
}

function general({ failure, tunnel, t }: Told, limit: number): string {
  const text = isErrorCode(failure.code) ? TEXTS[failure.code] : undefined;
  return text === undefined ? t("The tunnel doesn't work.") : text(shown({ failure, tunnel, t }, limit), t);
}

function shown({ failure, tunnel, t }: Told, limit: number): Shown {
  const { target = "", listen = "", key, service, role } = tunnel ?? {};
  const [, host = target, port = ""] = /^(.*)(:\d+)$/.exec(target) ?? [];
  const short = (text: string): string => plainText(text, { maxLength: limit });
  return {
    target: target === "" ? t("The target") : `${short(host)}${port}`,
    host: target === "" ? t("The target's name") : short(host),
    listen: listen === "" ? t("Its port") : short(listen),
    key: key === undefined ? undefined : short(key),
    service: service === undefined || service === "tcp" ? t("service") : SERVICE_TITLES[service],
    role,
    reason: failure.reason?.args ?? [],
    template: failure.reason?.template ?? "",
    message: failure.message,
    limit,
  };
}

type BriefText = (about: Shown, t: Translate) => string;

const TEXTS: Readonly<Record<ErrorCode, BriefText>> = {
  CONFIG_INVALID: (_, t) => t("Its entry has a mistake. Correct it in tunnels.json."),
  NOT_APPROVED: (_, t) => t("Not approved in its present form. Review it first."),
  KEY_NOT_FOUND: ({ key }, t) =>
    key === undefined ? t("Its key file is not on this machine. Import it or correct its path.") : t('Key "{0}" is not on this machine. Import it.', key),
  KEY_PERMISSIONS: (_, t) => t("The key file can't be used safely. It must be your own, and readable by you alone."),
  KEY_WEAK: (_, t) => t("The key file is too short or too long. Generate a new key for both ends."),
  LISTEN_IN_USE: inUse,
  LISTEN_DENIED: ({ listen }, t) => t("You may not listen at {0}. Choose a port from 1024 up.", listen),
  DNS_FAILED: ({ host }, t) => t("{0} can't be resolved. Check the spelling or your VPN.", host),
  CONNECT_REFUSED: ({ target, role }, t) =>
    role === "server" ? t("Nothing is listening at {0}. Is the service running?", target) : t("Nothing is listening at {0}. Is the far end running?", target),
  CONNECT_TIMEOUT: ({ target }, t) => t("{0} doesn't answer. Check the machine, your VPN and firewalls.", target),
  CONNECT_UNREACHABLE: ({ target }, t) => t("{0} can't be reached from here. Check your network or VPN.", target),
  PEER_CLOSED: ({ target, role }, t) =>
    role === "server"
      ? t("A client left before it proved its key. Look at its log.")
      : t("{0} closed the connection at once. Is it the encrypted port?", target),
  NOT_SPIPED: stranger,
  HANDSHAKE_TIMEOUT: ({ target, role }, t) =>
    role === "server"
      ? t("A client didn't finish its handshake in time. Look at its log.")
      : t("{0} accepted the connection but didn't answer. It may be overloaded or not be a tunnel.", target),
  KEY_MISMATCH: ({ target, role }, t) =>
    role === "server"
      ? t("A client holds another key. Compare the fingerprints.")
      : t("Wrong key: {0} probably holds another. Compare the fingerprints.", target),
  PEER_MAC_INVALID: ({ target }, t) => t("{0} gave a damaged proof of its key. Is something changing the traffic?", target),
  FORWARD_SECRECY_REFUSED: (_, t) => t('Only one end has forward secrecy on. Set "forwardSecrecy" alike at both.'),
  WIRE_REFUSED: (_, t) => t('Only one end takes the native wire alone. Set "wire" to "auto" there.'),
  TARGET_REFUSED: ({ target }, t) => t('The far end {0} does not lead to this backend. Correct "backend" here, or "targets" there.', target),
  BACKEND_DOWN: backendDown,
  BACKEND_BLOCKED: ({ service, reason: [said], limit }, t) =>
    said === undefined
      ? t("The {0} refuses the connection. Diagnose it to see why.", service)
      : t("The {0} refuses the connection: {1}", service, plainText(textOf(said, t), { maxLength: limit })),
  RECORD_INVALID: (_, t) => t("Data was changed on its way. Look for a proxy between the ends."),
  TRUNCATED: (_, t) => t("The connection was cut. Try again."),
  LIMIT_REACHED: (_, t) => t("All allowed connections are in use. Close some, or raise the limit."),
  PLAIN_CLIENT: (_, t) => t("A program came to the encrypted port. It must connect to the client end."),
  DAEMON_UNREACHABLE: (_, t) => t("The background daemon doesn't answer. Try again, or restart it."),
  DAEMON_VERSION: (_, t) => t("The daemon is of another version. Restart it."),
  STATE_NOT_SAVED: (_, t) => t("The change couldn't be saved. Free some disk space, then try again."),
};

/** The owner of a taken port is the second argument of every such reason, if it is known. */
function inUse({ listen, template, reason: [, owner] }: Shown, t: Translate): string {
  if (owner === undefined) return t("{0} is already in use. Choose another port.", listen);
  const who = plainText(textOf(owner, t), { maxLength: 48 });
  return template.startsWith("{0} is used by")
    ? t('{0} is used by the tunnel "{1}". Choose another port.', listen, who)
    : t("{0} is used by {1}. Choose another port.", listen, who);
}

/** What answers instead is the one argument of such reasons. */
function stranger({ target, reason: [what], limit }: Shown, t: Translate): string {
  if (what === undefined) return t("{0} is no tunnel. Correct the target: the encrypted port.", target);
  return t("{0} is {1}, not a tunnel. Correct the target: the encrypted port.", target, plainText(textOf(what, t), { maxLength: limit }));
}

function backendDown({ service, target, role, message }: Shown, t: Translate): string {
  if (role === "server") return t("The {0} at {1} isn't answering. Is it running?", service, target);
  return /\bprobably\b/.test(message)
    ? t("The far end's {0} probably isn't answering. Check it there.", service)
    : t("The far end works, but its {0} isn't answering. Check it there.", service);
}
