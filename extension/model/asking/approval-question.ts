/**
 * The question of the security model: may exactly this be opened? It names all
 * that an approval covers. Who wrote the file may be a stranger, so nothing is left
 * out or cut and what can't be seen is escaped: what can't be seen can't be
 * approved. For a modal dialog, which reads neither Markdown nor icons.
 */
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import { wholeText } from "../../../shared/contract/whole-text.ts";
import type { Translate } from "../translate.ts";

/** The texts of a modal dialog. */
export interface ApprovalQuestion {
  readonly title: string;
  /** Several lines. */
  readonly detail: string;
  readonly approve: string;
}

/** The question about these facts. */
export function approvalQuestion(facts: ApprovalFacts, t: Translate): ApprovalQuestion {
  const name = wholeText(facts.name);
  const lines = [
    t("File: {0}", wholeText(facts.configPath)),
    facts.role === "server" ? t("Role: server, decrypts for a local service") : t("Role: client, encrypts for local programs"),
    t("Listens at: {0}", listenLine(facts.listen, t)),
    ...(facts.beyondLoopback ? [t("⚠ OTHER MACHINES CAN CONNECT TO IT.")] : []),
    t("Leads to: {0}", wholeText(facts.target)),
    ...(facts.bind === undefined ? [] : [t("Outgoing address: {0}", wholeText(facts.bind))]),
    ...facts.keys.map(({ source, fingerprint }) => t("Key: {0}, fingerprint {1}", wholeText(source), wholeText(fingerprint))),
    ...secrecyLine(facts, t),
    ...(facts.user === undefined ? [] : [t("User: {0}", wholeText(facts.user))]),
    ...(facts.database === undefined ? [] : [t("Database: {0}", wholeText(facts.database))]),
    ...envLines(facts, t),
  ];
  return {
    title: facts.approvedBefore ? t("The tunnel {0} has changed since you approved it. Approve it as it is now?", name) : t("Approve the tunnel {0}?", name),
    detail: lines.join("\n"),
    approve: t("Approve"),
  };
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

function listenLine(address: string, t: Translate): string {
  return address.endsWith(":0") ? t("{0}, any free port", wholeText(address.slice(0, -2))) : wholeText(address);
}
