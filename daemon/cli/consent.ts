/**
 * The user's consent before anything opens: an entry that is not approved in its
 * present form is shown and asked about on a terminal, taken as approved with
 * --yes, refused otherwise. An entry with "confirm" is asked about each time.
 */

import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { Output } from "./output.ts";
import type { Selection } from "./select-entries.ts";
import type { Terminal } from "./terminal.ts";

/** Who answers. */
export interface ConsentOptions {
  /** --yes: for scripts. */
  readonly yes: boolean;
  readonly terminal: Terminal | undefined;
  readonly output: Output;
}

/** Which of the chosen entries may open. */
export interface Consent {
  readonly names: readonly string[];
  /** NOT_APPROVED, one for each that may not. */
  readonly refused: readonly TunnelError[];
}

/**
 * Asks where there is something to ask, and tells the daemon. An entry that can't be judged yet (its key is missing)
 * passes: the daemon opens nothing of it before it is approved.
 */
export async function obtainConsent(client: DaemonClient, { configPath, entries }: Selection, options: ConsentOptions): Promise<Consent> {
  const { pending } = await client.request("approvals/list", { configPath, names: [...entries.keys()] });
  const names: string[] = [];
  const refused: TunnelError[] = [];
  for (const [name, entry] of entries) {
    const facts = pending.find((one) => one.name === name);
    const refusal = facts ? await approve(client, facts, options) : entry.confirm ? await confirmOpening(name, options) : undefined;
    if (refusal) refused.push(refusal);
    else names.push(name);
  }
  return { names, refused };
}

/**
 * Shows what an entry would do and approves it if the answer is yes; undefined, or why it is not approved.
 */
export async function approve(client: DaemonClient, facts: ApprovalFacts, { yes, terminal, output }: ConsentOptions): Promise<TunnelError | undefined> {
  const { configPath, name, digest } = facts;
  if (!yes && !terminal) {
    const what = facts.approvedBefore ? "has changed since it was approved" : "is not approved";
    return notApproved(`${quote(name)} ${what}: look at it and approve it ("tunneld approve ${name}" at a terminal), or say --yes`);
  }
  for (const line of factLines(facts)) output.whole(line);
  if (!yes && !(await terminal?.confirm("Approve it?"))) return notApproved(`${quote(name)} was not approved`);
  try {
    await client.request("approvals/grant", { configPath, name, digest });
    return undefined;
  } catch (error) {
    if (error instanceof TunnelError && error.code === "NOT_APPROVED") return error;
    throw error;
  }
}

async function confirmOpening(name: string, { yes, terminal }: ConsentOptions): Promise<TunnelError | undefined> {
  if (yes) return undefined;
  if (!terminal) return notApproved(`${quote(name)} asks for confirmation each time ("confirm"): open it at a terminal, or say --yes`);
  return (await terminal.confirm(`Open ${quote(name)}?`)) ? undefined : notApproved(`${quote(name)} was not opened`);
}

/** What the user approves, a line each; every value as it is, for {@link Output.whole}. */
export function factLines(facts: ApprovalFacts): string[] {
  const { role, target, bind, keys, env, user, database, forwardSecrecy } = facts;
  const reach = facts.beyondLoopback ? "   OTHER MACHINES CAN CONNECT TO IT" : "";
  const heading = facts.approvedBefore ? "has changed since it was approved" : "is not approved yet";
  return [
    `"${facts.name}" of ${facts.configPath} ${heading}:`,
    `  role      ${role === "server" ? "server: decrypts for a local service" : "client: encrypts for local programs"}`,
    `  listen    ${facts.listen}${reach}`,
    `  target    ${target}`,
    ...(bind === undefined ? [] : [`  bind      ${bind}`]),
    ...keys.map(({ source, fingerprint }) => `  key       ${fingerprint}  ${source}`),
    ...secrecyLines(forwardSecrecy),
    ...(user === undefined ? [] : [`  user      ${user}`]),
    ...(database === undefined ? [] : [`  database  ${database}`]),
    ...Object.entries(env).map(([name, value]) => `  env       ${name}=${value}`),
  ];
}

function secrecyLines(forwardSecrecy: ApprovalFacts["forwardSecrecy"]): string[] {
  switch (forwardSecrecy) {
    case "off":
      return ["  secrecy   FORWARD SECRECY IS OFF: whoever gets the key later can read recorded traffic"];
    case "prefer":
      return ["  secrecy   forward secrecy only if the other end has it on"];
    case "require":
    case undefined:
      return [];
  }
}

function notApproved(message: string): TunnelError {
  return new TunnelError("NOT_APPROVED", message);
}
