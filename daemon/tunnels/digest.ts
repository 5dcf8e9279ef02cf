/**
 * Digests that tell whether two definitions are the same: one says whether a
 * running tunnel may be shared, the other whether what was approved is still what
 * would happen. SHA-256 over canonical JSON, hexadecimal.
 */

import { formatAddress } from "../../shared/address.ts";
import { RESUME_SECONDS, type TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { LoadedReference } from "../keys/key-loader.ts";
import type { TunnelPlan } from "./plan.ts";

/** What digests are made from: an entry, resolved. */
export interface Digested {
  readonly entry: TunnelEntry;
  readonly plan: TunnelPlan;
  readonly keys: readonly Pick<LoadedReference, "file" | "shared" | "fingerprint">[];
}

/** The same for two definitions that may share one running tunnel: covers whatever decides what happens on the network, and nothing else. */
export function definitionDigest(suite: CipherSuite, { plan, keys }: Pick<Digested, "plan" | "keys">): string {
  return digestOf(suite, "definition v1", {
    role: plan.role,
    service: plan.service,
    // Decides what the one probe of the shared tunnel says. Left out when false, so that older digests stay the same.
    tls: plan.tls,
    listen: formatAddress(plan.listen),
    target: formatAddress(plan.target),
    bind: plan.bind && formatAddress(plan.bind),
    keys: fingerprints(keys),
    forwardSecrecy: plan.forwardSecrecy,
    wire: onlyWire(plan),
    ...others(plan),
    maxConnections: plan.maxConnections,
    timeoutMs: plan.timeoutMs,
    keepAlive: plan.keepAlive,
    dnsRefreshMs: plan.dnsRefreshMs,
    // Left out at its default, so that older digests stay the same.
    keepsMs: plan.keepsMs === RESUME_SECONDS * 1_000 ? undefined : plan.keepsMs,
    refusal: plan.refusal,
  });
}

/** What the user approves. It changes if and only if forward secrecy, or one of the things that the design lists, changes. */
export function approvalDigest(suite: CipherSuite, { entry, plan, keys }: Digested): string {
  return digestOf(suite, "approval v1", {
    role: plan.role,
    listen: formatAddress(plan.listen),
    target: formatAddress(plan.target),
    bind: plan.bind && formatAddress(plan.bind),
    keys: fingerprints(keys),
    // A file's path is approved with its fingerprint; a name is the user's own.
    files: keys.flatMap(({ file }) => file ?? []).toSorted(),
    shared: sharedFiles(keys),
    // Otherwise a pulled change could give up forward secrecy unseen.
    forwardSecrecy: plan.forwardSecrecy,
    wire: onlyWire(plan),
    ...others(plan),
    env: entry.env ?? {},
    // TLS changes the URLs that programs use.
    tls: plan.tls,
    user: entry.user,
    database: entry.database,
  });
}

/** undefined: whichever both ends know, so that older approvals stay valid. */
export function onlyWire({ wire }: Pick<TunnelPlan, "wire">): "spiped" | "native" | undefined {
  return wire === "auto" ? undefined : wire;
}

/** Which backend is asked for, and what else may be; each undefined where it is not there, so that older digests stay the same. */
function others({ backend, targets, allow }: Pick<TunnelPlan, "backend" | "targets" | "allow">): Record<string, Canonical> {
  return { backend, targets, allow: allow?.toSorted() };
}

/** Files that others may read, as the user was told; undefined if there is none, so that older approvals stay valid. */
function sharedFiles(keys: Digested["keys"]): string[] | undefined {
  const files = keys.flatMap(({ file, shared }) => (shared ? (file ?? []) : []));
  return files.length === 0 ? undefined : files.toSorted();
}

/** A client has one key, and a server accepts any of them: their order means nothing. */
function fingerprints(keys: Digested["keys"]): string[] {
  return keys.map(({ fingerprint }) => fingerprint).toSorted();
}

/** Plain data; undefined properties don't count, nor does the order of properties. */
type Canonical = string | number | boolean | undefined | readonly Canonical[] | { readonly [name: string]: Canonical };

/** The digest of `value`; `label` keeps digests for different purposes apart. */
function digestOf(suite: CipherSuite, label: string, value: Canonical): string {
  const text = JSON.stringify([label, sorted(value)]);
  return Array.from(suite.sha256(new TextEncoder().encode(text)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Objects as sorted lists of pairs: JSON.stringify would put names that look like numbers first, and drop "__proto__". */
function sorted(value: Canonical): unknown {
  if (Array.isArray(value)) return ["list", ...value.map(sorted)];
  if (typeof value !== "object") return value ?? null;
  const pairs = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return ["object", ...pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)])];
}
