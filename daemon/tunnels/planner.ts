/**
 * From an entry of tunnels.json to something that can run: addresses resolved and
 * judged, keys loaded, seconds turned into milliseconds; and what the user is
 * asked to approve. Nothing is opened here.
 */

import { formatAddress, parseAddress } from "../../shared/address.ts";
import { workspaceFolderOf } from "../../shared/contract/config-file.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import type { KeyReference, TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { KeyLoader, LoadedReference } from "../keys/key-loader.ts";
import type { Lookup } from "../proxy/target.ts";
import type { TunnelRef } from "./daemon-state.ts";
import { digestOf } from "./digest.ts";
import { resolveBind, resolveListen } from "./listen-address.ts";
import type { TunnelPlan } from "./plan.ts";
import type { Planned, Planner } from "./planned.ts";

/** An entry, resolved. Whoever has it owns the keys in `plan`. */
export interface Definition {
  readonly ref: TunnelRef;
  readonly entry: TunnelEntry;
  readonly plan: TunnelPlan;
  readonly beyondLoopback: boolean;
  readonly keys: readonly Pick<LoadedReference, "source" | "file" | "fingerprint">[];
}

/** What resolving needs. */
export interface DefinitionContext {
  readonly suite: CipherSuite;
  readonly keys: KeyLoader;
  readonly lookup: Lookup;
}

/**
 * Resolves an entry.
 * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS, KEY_WEAK, CONFIG_INVALID or DNS_FAILED
 */
export async function resolveDefinition(ref: TunnelRef, entry: TunnelEntry, context: DefinitionContext): Promise<Definition> {
  const { address: listen, beyondLoopback } = await resolveListen(entry.listen, context.lookup);
  const bind = entry.bind === undefined ? undefined : await resolveBind(entry.bind, context.lookup);
  const target = parseAddress(entry.target);
  // Last, when nothing can fail any more but a key itself.
  const keys = loadKeys(entry, workspaceFolderOf(ref.configPath), context.keys);
  const plan: TunnelPlan = {
    name: ref.name,
    role: entry.role,
    service: entry.service,
    listen,
    target,
    bind,
    keys: keys.map(({ key }) => key),
    keyNames: keys.map(({ fingerprint }) => fingerprint),
    forwardSecrecy: entry.forwardSecrecy,
    timeoutMs: milliseconds(entry.timeoutSeconds),
    keepAlive: entry.keepAlive,
    dnsRefreshMs: milliseconds(entry.dnsRefreshSeconds),
    maxConnections: entry.maxConnections,
  };
  return { ref, entry, plan, beyondLoopback, keys: keys.map(({ source, file, fingerprint }) => ({ source, file, fingerprint })) };
}

/** All keys of an entry, or none: those loaded before one fails are wiped. */
function loadKeys(entry: TunnelEntry, workspaceFolder: string, loader: KeyLoader): LoadedReference[] {
  const references: readonly KeyReference[] = Array.isArray(entry.key) ? entry.key : [entry.key];
  const loaded: LoadedReference[] = [];
  try {
    for (const reference of references) loaded.push(loader.load(reference, workspaceFolder));
    return loaded;
  } catch (error) {
    for (const { key } of loaded) key.fill(0);
    throw error;
  }
}

/** At least one: 0 would mean no limit to a timer. */
function milliseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1_000));
}

/** The same for two definitions that may share one running tunnel: whatever decides what happens on the network, nothing else. */
export function definitionDigest(suite: CipherSuite, { plan, keys }: Pick<Definition, "plan" | "keys">): string {
  return digestOf(suite, "definition v1", {
    role: plan.role,
    service: plan.service,
    listen: formatAddress(plan.listen),
    target: formatAddress(plan.target),
    bind: plan.bind && formatAddress(plan.bind),
    keys: fingerprints(keys),
    forwardSecrecy: plan.forwardSecrecy,
    maxConnections: plan.maxConnections,
    timeoutMs: plan.timeoutMs,
    keepAlive: plan.keepAlive,
    dnsRefreshMs: plan.dnsRefreshMs,
  });
}

/** What the user approves; changes when, and only when, one of the things the design lists does, or forward secrecy. */
export function approvalDigest(suite: CipherSuite, { entry, plan, keys }: Pick<Definition, "entry" | "plan" | "keys">): string {
  return digestOf(suite, "approval v1", {
    role: plan.role,
    listen: formatAddress(plan.listen),
    target: formatAddress(plan.target),
    bind: plan.bind && formatAddress(plan.bind),
    keys: fingerprints(keys),
    // A file's path is approved with its fingerprint; a name is the user's own.
    files: keys.flatMap(({ file }) => file ?? []).toSorted(),
    // A pulled change could otherwise give it up unseen.
    forwardSecrecy: plan.forwardSecrecy,
    env: entry.env ?? {},
    user: entry.user,
    database: entry.database,
  });
}

/** A client has one key, and a server accepts any of them: their order means nothing. */
function fingerprints(keys: Definition["keys"]): string[] {
  return keys.map(({ fingerprint }) => fingerprint).toSorted();
}

/** What is shown to the user who approves. Text from the file as it is: it is shown by `wholeText`, and never as Markdown. */
export function approvalFacts(suite: CipherSuite, definition: Definition, options: { readonly approvedBefore: boolean }): ApprovalFacts {
  const { ref, entry, plan, beyondLoopback, keys } = definition;
  return {
    configPath: ref.configPath,
    name: ref.name,
    digest: approvalDigest(suite, definition),
    role: plan.role,
    listen: formatAddress(plan.listen),
    beyondLoopback,
    target: formatAddress(plan.target),
    ...(plan.bind && { bind: formatAddress(plan.bind) }),
    keys: keys.map(({ source, fingerprint }) => ({ source, fingerprint })),
    forwardSecrecy: plan.forwardSecrecy,
    env: { ...entry.env },
    ...(entry.user !== undefined && { user: entry.user }),
    ...(entry.database !== undefined && { database: String(entry.database) }),
    approvedBefore: options.approvedBefore,
  };
}

/** The planner of the manager. */
export function createPlanner(context: DefinitionContext & { readonly wasApproved: (ref: TunnelRef) => boolean }): Planner {
  return {
    plan: async (ref, entry): Promise<Planned> => {
      const definition = await resolveDefinition(ref, entry, context);
      return {
        plan: definition.plan,
        digest: definitionDigest(context.suite, definition),
        facts: approvalFacts(context.suite, definition, { approvedBefore: context.wasApproved(ref) }),
      };
    },
  };
}
