/**
 * Which entries of a selection a command may use: the judged form of those that the
 * daemon has judged and the user has approved. For each other entry it says why the
 * command may not use it. It does not ask the user; `consent.ts` does.
 */

import { type ApprovedEntry, approvedEntries } from "../../shared/contract/approved-entry.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";

/** See the file's header. */
export interface ApprovedSelection {
  readonly entries: ReadonlyMap<string, ApprovedEntry>;
  /** One NOT_APPROVED for each name that is not among `entries`. */
  readonly refused: readonly TunnelError[];
}

/** Asks the daemon about the entries `names` of a file in their present form. */
export async function approvedSelection(client: Pick<DaemonClient, "request">, configPath: string, names: readonly string[]): Promise<ApprovedSelection> {
  const answer = await client.request("approvals/list", { configPath, names: [...names] });
  const entries = approvedEntries(answer);
  const refused = names.filter((name) => !entries.has(name));
  return {
    entries,
    refused: refused.map((name) => {
      const facts = answer.pending.find((one) => one.name === name);
      if (facts) return notApproved(facts, `, or say "tunneld up ${name}", which asks you`);
      const why = answer.unplannable?.find((one) => one.name === name)?.message ?? answer.problems[0]?.message ?? "it is not in the file any more";
      return new TunnelError("NOT_APPROVED", `${quote(name)} can't be judged as it stands, so it is not approved: ${why}; then "tunneld approve ${name}"`);
    }),
  };
}

/** Why an entry that the user has not approved in this form is not used. */
export function notApproved({ name, approvedBefore }: Pick<ApprovalFacts, "name" | "approvedBefore">, orElse = ""): TunnelError {
  const what = approvedBefore ? "has changed since it was approved" : "is not approved";
  return new TunnelError("NOT_APPROVED", `${quote(name)} ${what}: look at it and approve it ("tunneld approve ${name}" at a terminal)${orElse}`);
}
