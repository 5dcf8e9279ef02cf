/**
 * The user's consent before anything opens. If an entry's present form is not
 * approved, a terminal shows it and asks; --yes approves it; otherwise it is
 * refused. For an entry with "confirm" the terminal asks each time.
 */

import { unusualNames } from "../../shared/contract/env-rules.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import { markedHost } from "../../shared/contract/unusual-host.ts";
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import { notApproved } from "./approved-selection.ts";
import type { Output } from "./output.ts";
import type { Selection } from "./select-entries.ts";
import type { Terminal } from "./terminal.ts";

/** Where the answers come from. */
export interface ConsentOptions {
  /** --yes: for scripts. */
  readonly yes: boolean;
  readonly terminal: Terminal | undefined;
  readonly output: Output;
}

/** Which of the chosen entries may open. */
export interface Consent {
  readonly names: readonly string[];
  /** One error for each entry that may not open: NOT_APPROVED, or STATE_NOT_SAVED when the approval could not be saved. */
  readonly refused: readonly TunnelError[];
  /** Why entries can't be judged in their present form, by name. They are among `names`; if one of them is open, it is an older form. */
  readonly unjudged: ReadonlyMap<string, TunnelError>;
}

/**
 * Asks the user where needed, and tells the daemon. An entry that can't be judged yet (its key is missing) passes, because
 * the daemon does not open it before it is approved. So passing is no approval: code that uses an entry's text asks
 * `approved-selection.ts`.
 */
export async function obtainConsent(client: DaemonClient, { configPath, entries }: Selection, options: ConsentOptions): Promise<Consent> {
  const { pending, unplannable = [] } = await client.request("approvals/list", { configPath, names: [...entries.keys()] });
  const names: string[] = [];
  const refused: TunnelError[] = [];
  for (const [name, entry] of entries) {
    const facts = pending.find((one) => one.name === name);
    const refusal = facts ? await approve(client, facts, options) : entry.confirm ? await confirmOpening(name, options) : undefined;
    if (refusal) refused.push(refusal);
    else names.push(name);
  }
  return { names, refused, unjudged: new Map(unplannable.map(({ name, code, message }) => [name, new TunnelError(code as ErrorCode, message)])) };
}

/**
 * Shows what an entry would do and approves it if the answer is yes. Undefined: approved; else why it is not.
 */
export async function approve(client: DaemonClient, facts: ApprovalFacts, { yes, terminal, output }: ConsentOptions): Promise<TunnelError | undefined> {
  const { configPath, name, digest } = facts;
  if (!yes && !terminal) return notApproved(facts, ", or say --yes");
  for (const line of factLines(facts)) output.whole(line);
  if (!yes && !(await terminal?.confirm("Approve it?"))) return notOpened(`${quote(name)} was not approved`);
  try {
    await client.request("approvals/grant", { configPath, name, digest });
    return undefined;
  } catch (error) {
    if (error instanceof TunnelError && (error.code === "NOT_APPROVED" || error.code === "STATE_NOT_SAVED")) return error;
    throw error;
  }
}

async function confirmOpening(name: string, { yes, terminal }: ConsentOptions): Promise<TunnelError | undefined> {
  if (yes) return undefined;
  if (!terminal) return notOpened(`${quote(name)} asks for confirmation each time ("confirm"): open it at a terminal, or say --yes`);
  return (await terminal.confirm(`Open ${quote(name)}?`)) ? undefined : notOpened(`${quote(name)} was not opened`);
}

/** The facts that the user approves, one per line; values are not escaped yet: print them with {@link Output.whole}. */
export function factLines(facts: ApprovalFacts): string[] {
  const { role, target, bind, backend, targets = {}, allow = [], keys, env, tls, user, database, forwardSecrecy, wire } = facts;
  const reach = facts.beyondLoopback ? "   OTHER MACHINES CAN CONNECT TO IT" : "";
  const heading = facts.approvedBefore ? "has changed since it was approved" : "is not approved yet";
  return [
    `"${facts.name}" of ${facts.configPath} ${heading}:`,
    `  role      ${role === "server" ? "server: decrypts for a local service" : "client: encrypts for local programs"}`,
    `  listen    ${facts.listen}${reach}`,
    ...hostMark(facts.listen),
    `  target    ${target}`,
    ...hostMark(target),
    ...(backend === undefined ? [] : [`  backend   ${backend}`]),
    ...Object.entries(targets).flatMap(([name, address]) => [`  targets   ${name}: ${address}`, ...hostMark(address)]),
    ...allow.flatMap((line) => [`  allow     ${line}`, ...hostMark(line)]),
    ...(bind === undefined ? [] : [`  bind      ${bind}`, ...hostMark(bind)]),
    ...keys.flatMap(({ source, fingerprint, shared }) => [
      `  key       ${fingerprint}  ${source}`,
      ...(shared ? ["            A KEY FILE THAT OTHERS MAY READ"] : []),
    ]),
    ...secrecyLines(forwardSecrecy),
    ...(wire === undefined ? [] : [`  wire      ${wire} alone`]),
    ...(tls ? ["  tls       the service speaks TLS, and so do the URLs"] : []),
    ...(user === undefined ? [] : [`  user      ${user}`]),
    ...(database === undefined ? [] : [`  database  ${database}`]),
    ...Object.entries(env).map(([name, value]) => `  env       ${name}=${value}`),
    ...unusualNames(env).map((name) => `  UNUSUAL   ${name} is no usual name for an address: find out which program reads it`),
  ];
}

/** A name with letters other than a to z may look like one that the user knows. */
function hostMark(address: string): string[] {
  const ascii = markedHost(address);
  return ascii === undefined ? [] : [`  UNUSUAL   its host has other letters than a to z: it is looked up as ${ascii}`];
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

function notOpened(message: string): TunnelError {
  return new TunnelError("NOT_APPROVED", message);
}
