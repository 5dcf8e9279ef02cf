/**
 * The question of the security model: may exactly this tunnel be opened? The
 * question names everything that the approval covers. A stranger may have written
 * the file, so nothing is left out or shortened, and invisible characters are
 * escaped: users can't approve what they can't see. The text is for a modal dialog,
 * which renders neither Markdown nor icons.
 */
import { unusualNames } from "../../../shared/contract/env-rules.ts";
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import { markedHost } from "../../../shared/contract/unusual-host.ts";
import { wholeText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

/** The texts of a modal dialog. */
export interface ApprovalQuestion {
  readonly title: string;
  /** Several lines. */
  readonly detail: string;
  /** Why there is a question at all. */
  readonly why: string;
  readonly approve: string;
  readonly approveAndOpen: string;
}

/** Begins a line that the user should not pass over. */
export const WARNING_MARK = "⚠";

/** The question about these facts. */
export function approvalQuestion(facts: ApprovalFacts, t: Translate): ApprovalQuestion {
  const name = wholeText(facts.name);
  return {
    title: facts.approvedBefore ? t("The tunnel {0} has changed since you approved it. Approve it as it is now?", name) : t("Approve the tunnel {0}?", name),
    detail: approvalLines(facts, t).join("\n"),
    why: approvalReason(t),
    approve: t("Approve"),
    approveAndOpen: t("Approve and Open"),
  };
}

/** Why the user is asked. */
export function approvalReason(t: Translate): string {
  return t("Files from others can redirect your programs. You are asked once, and again if this changes.");
}

/** Everything that the approval covers, a line each; whole, and nothing in it is invisible. */
export function approvalLines(facts: ApprovalFacts, t: Translate): string[] {
  return [
    t("File: {0}", wholeText(facts.configPath)),
    facts.role === "server" ? t("Role: server, decrypts for a local service") : t("Role: client, encrypts for local programs"),
    t("Local address: {0}", listenLine(facts.listen, t)),
    ...hostMark(facts.listen, t),
    ...(facts.beyondLoopback ? [t("⚠ OTHER MACHINES CAN CONNECT TO IT.")] : []),
    t("Remote address: {0}", wholeText(facts.target)),
    ...hostMark(facts.target, t),
    ...(facts.backend === undefined ? [] : [t("Backend at the far end: {0}", wholeText(facts.backend))]),
    ...Object.entries(facts.targets ?? {}).flatMap(([name, address]) => [
      t("Clients may ask for {0}: {1}", wholeText(name), wholeText(address)),
      ...hostMark(address, t),
    ]),
    ...(facts.allow ?? []).flatMap((line) => [t("Clients may ask for {0}", wholeText(line)), ...hostMark(line, t)]),
    ...(facts.bind === undefined ? [] : [t("Outgoing address: {0}", wholeText(facts.bind)), ...hostMark(facts.bind, t)]),
    ...facts.keys.flatMap(({ source, fingerprint, shared }) => [
      t("Key: {0}, fingerprint {1}", wholeText(source), wholeText(fingerprint)),
      ...(shared ? [t("⚠ A key file that others may read.")] : []),
    ]),
    ...secrecyLine(facts, t),
    ...(facts.wire === undefined ? [] : [t("Wire: {0} alone", facts.wire)]),
    ...(facts.tls ? [t("TLS: the service speaks it, and so do the URLs")] : []),
    ...(facts.user === undefined ? [] : [t("User: {0}", wholeText(facts.user))]),
    ...(facts.database === undefined ? [] : [t("Database: {0}", wholeText(facts.database))]),
    ...unusualNames(facts.env).map((variable) => t("⚠ Unusual variable {0}: find out which program reads it.", wholeText(variable))),
    ...envLines(facts, t),
  ];
}

function secrecyLine({ forwardSecrecy }: ApprovalFacts, t: Translate): string[] {
  switch (forwardSecrecy) {
    case "off":
      return [t("⚠ Forward secrecy is off: whoever gets the key later can read recorded traffic.")];
    case "prefer":
      return [t("Forward secrecy: only if the other end has it on.")];
    case "require":
    case undefined:
      return [];
  }
}

function envLines({ env }: ApprovalFacts, t: Translate): string[] {
  const variables = Object.entries(env);
  if (variables.length === 0) return [];
  return ["", t("Variables for terminals and programs:"), ...variables.map(([name, value]) => `${wholeText(name)}=${wholeText(value)}`)];
}

/** A host name with letters other than a to z may look like a name that the user knows. */
function hostMark(address: string, t: Translate): string[] {
  const ascii = markedHost(address);
  return ascii === undefined ? [] : [t("⚠ The host has other letters than a to z: it is looked up as {0}.", wholeText(ascii))];
}

function listenLine(address: string, t: Translate): string {
  return address.endsWith(":0") ? t("{0}, any free port", wholeText(address.slice(0, -2))) : wholeText(address);
}
