/**
 * From an entry of tunnels.json to something that can run: addresses resolved and
 * judged, keys loaded, seconds turned into milliseconds; and what the user is
 * asked to approve. Nothing is opened here.
 */

import { formatAddress, parseAddress } from "../../shared/address.ts";
import { workspaceFolderOf } from "../../shared/contract/config-file.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { type KeyReference, RESUME_SECONDS, type TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { KeyLoader, LoadedReference } from "../keys/key-loader.ts";
import type { Lookup } from "../proxy/target.ts";
import { approvalDigest, definitionDigest, onlyWire } from "./digest.ts";
import { resolveBind, resolveListen } from "./listen-address.ts";
import type { Planned, Planner, TunnelPlan } from "./plan.ts";
import { Turns } from "./turns.ts";

/** An entry, resolved. The holder of the definition owns the keys in `plan`. */
export interface Definition {
  readonly ref: TunnelRef;
  readonly entry: TunnelEntry;
  readonly plan: TunnelPlan;
  readonly beyondLoopback: boolean;
  readonly keys: readonly Pick<LoadedReference, "source" | "file" | "shared" | "fingerprint">[];
}

/** What resolving needs. */
export interface DefinitionContext {
  readonly suite: CipherSuite;
  readonly keys: KeyLoader;
  readonly lookup: Lookup;
  /** Key files are judged as `tunneld serve` judges them. */
  readonly asService?: boolean;
}

/**
 * Resolves an entry.
 * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS, KEY_WEAK, CONFIG_INVALID or DNS_FAILED
 */
export async function resolveDefinition(ref: TunnelRef, entry: TunnelEntry, context: DefinitionContext): Promise<Definition> {
  const { address: listen, beyondLoopback } = await resolveListen(entry.listen, context.lookup);
  const bind = entry.bind === undefined ? undefined : await resolveBind(entry.bind, context.lookup);
  const target = parseAddress(entry.target);
  // Last: from here on only a key itself can fail.
  const keys = loadKeys(entry, workspaceFolderOf(ref.configPath), context);
  const plan: TunnelPlan = {
    name: ref.name,
    configPath: ref.configPath,
    role: entry.role,
    service: entry.service,
    ...(entry.tls && { tls: true }),
    listen,
    target,
    bind,
    keys: keys.map(({ key }) => key),
    fingerprints: keys.map(({ fingerprint }) => fingerprint),
    ...(keys.some(({ form }) => form) && { keyForms: keys.map(({ form }) => form) }),
    forwardSecrecy: entry.forwardSecrecy,
    // Only on the native wire can a backend be asked for.
    ...(entry.backend !== undefined ? { wire: "native" as const, backend: entry.backend } : entry.wire !== undefined && { wire: entry.wire }),
    ...(entry.targets && { targets: entry.targets }),
    ...(entry.allow && { allow: entry.allow }),
    timeoutMs: milliseconds(entry.timeoutSeconds),
    keepAlive: entry.keepAlive,
    dnsRefreshMs: milliseconds(entry.dnsRefreshSeconds),
    maxConnections: entry.maxConnections,
    ...(entry.refusal === "close" && { refusal: entry.refusal }),
    keepsMs: Math.round((entry.resumeSeconds ?? RESUME_SECONDS) * 1_000),
  };
  return {
    ref,
    entry,
    plan,
    beyondLoopback,
    keys: keys.map(({ source, file, shared, fingerprint }) => ({ source, file, fingerprint, ...(shared === true && { shared }) })),
  };
}

/** All keys of an entry, or none: those loaded before one fails are wiped. */
function loadKeys(entry: TunnelEntry, workspaceFolder: string, { keys: loader, asService = false }: DefinitionContext): LoadedReference[] {
  const references: readonly KeyReference[] = Array.isArray(entry.key) ? entry.key : [entry.key];
  const loaded: LoadedReference[] = [];
  try {
    for (const reference of references) loaded.push(loader.load(reference, workspaceFolder, { asService }));
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

/** What is shown to the user who approves. Text is as it is in the file: `wholeText` shows it, and it is never shown as Markdown. */
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
    keys: keys.map(({ source, shared, fingerprint }) => ({ source, fingerprint, ...(shared === true && { shared }) })),
    forwardSecrecy: plan.forwardSecrecy,
    ...(onlyWire(plan) && { wire: onlyWire(plan) }),
    ...(plan.backend !== undefined && { backend: plan.backend }),
    ...(plan.targets && { targets: { ...plan.targets } }),
    ...(plan.allow && { allow: [...plan.allow] }),
    env: { ...entry.env },
    ...(plan.tls && { tls: true }),
    ...(entry.user !== undefined && { user: entry.user }),
    ...(entry.database !== undefined && { database: String(entry.database) }),
    approvedBefore: options.approvedBefore,
  };
}

/** The planner of the manager. */
export function createPlanner(context: DefinitionContext & { readonly wasApproved: (ref: TunnelRef) => boolean }): Planner {
  const turns = new Turns();
  return {
    plan: async (ref, entry, how): Promise<Planned> => {
      await turns.next();
      const definition = await resolveDefinition(ref, entry, { ...context, ...how });
      return {
        plan: definition.plan,
        digest: definitionDigest(context.suite, definition),
        facts: approvalFacts(context.suite, definition, { approvedBefore: context.wasApproved(ref) }),
      };
    },
  };
}
