/**
 * The question of the security model: may exactly this be opened? It names all
 * that an approval covers. Who wrote the file may be a stranger, so every value is
 * made plain and nothing is left out or cut: what can't be seen can't be approved.
 */
import type { ApprovalFacts } from "../../daemon/contract/methods.ts";
import { plainText } from "../../daemon/contract/plain-text.ts";
import { listenText } from "./format.ts";
import type { Translate } from "./translate.ts";

/** The texts of a modal dialog. */
export interface ApprovalQuestion {
  readonly title: string;
  /** Several lines. */
  readonly detail: string;
  readonly approve: string;
}

/** The most the validator lets through in one value, and more: nothing is cut. */
const NO_CUT = { maxLength: 20_000 };

/** The question about these facts. */
export function approvalQuestion(facts: ApprovalFacts, t: Translate): ApprovalQuestion {
  const name = plain(facts.name);
  const lines = [
    t("File: {0}", plain(facts.configPath)),
    facts.role === "server" ? t("Role: server, decrypts for a local service") : t("Role: client, encrypts for local programs"),
    t("Listens at: {0}", listenText(facts.listen, t)),
    ...(facts.beyondLoopback ? [t("⚠ OTHER MACHINES CAN CONNECT TO IT.")] : []),
    t("Leads to: {0}", plain(facts.target)),
    ...(facts.bind === undefined ? [] : [t("Outgoing address: {0}", plain(facts.bind))]),
    ...facts.keys.map(({ source, fingerprint }) => t("Key: {0}, fingerprint {1}", plain(source), plain(fingerprint))),
    ...secrecyLine(facts, t),
    ...(facts.user === undefined ? [] : [t("User: {0}", plain(facts.user))]),
    ...(facts.database === undefined ? [] : [t("Database: {0}", plain(facts.database))]),
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
  return ["", t("Variables for terminals and programs:"), ...variables.map(([name, value]) => `${plain(name)}=${plain(value)}`)];
}

/** plainText takes a link's address out; here it must be seen, so that first it is made no link. */
function plain(text: string): string {
  return plainText(text.replace(/\](?=\()/g, "] "), NO_CUT);
}
