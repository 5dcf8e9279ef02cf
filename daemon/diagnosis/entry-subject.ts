/**
 * Makes an entry of a tunnels.json something that can be diagnosed: its file, its
 * approval, its key and its port are looked at through the daemon's own parts.
 */

import { formatAddress } from "../../shared/address.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { nearest } from "../../shared/nearest.ts";
import { quote } from "../../shared/plain-text.ts";
import type { TunnelRef } from "../tunnels/daemon-state.ts";
import type { ApprovalSource, ConfigState, Planned, Planner } from "../tunnels/planned.ts";
import { checkListen } from "./listen-check.ts";
import { type DiagnosisPlan, type Subject, UNKNOWN } from "./subject.ts";

/** The daemon's parts that know about the entry. */
export interface EntryContext {
  readonly config: ConfigState;
  readonly planner: Planner;
  readonly approvals: ApprovalSource;
  /** All tunnels the daemon knows. */
  readonly tunnels: readonly TunnelStatus[];
  readonly isOwnSocket: (path: string) => boolean;
  /** The user named the file for this diagnosis, as for `tunneld serve`: its server entries need no approval to be looked at. */
  readonly isNamed: boolean;
  /** Whether a far end with one of the plan's keys listens at its address. */
  readonly holdsOurKey: (plan: DiagnosisPlan) => Promise<boolean>;
}

/** An entry to diagnose, and what its plan was, so that its keys can be wiped. */
export interface EntrySubject {
  readonly subject: Subject;
  /** Undefined when it was never planned. */
  readonly planned: () => Promise<Planned | undefined>;
}

/** The subject for `ref`. */
export function entrySubject(ref: TunnelRef, context: EntryContext): EntrySubject {
  const { config, planner, approvals, tunnels } = context;
  const entry = config.entries.get(ref.name);
  const known = tunnels.find((tunnel) => tunnel.configPath === ref.configPath && tunnel.name === ref.name);
  let planning: Promise<Planned> | undefined;
  let facts: Planned["facts"] | undefined;
  const plan = (): Promise<Planned> => {
    planning ??= entry ? planner.plan(ref, entry) : Promise.reject(missing(ref, config));
    void planning.then(
      (planned) => {
        facts = planned.facts;
      },
      () => {},
    );
    return planning;
  };
  const isKeyFault = (error: unknown): boolean => error instanceof TunnelError && error.code.startsWith("KEY_");
  const subject: Subject = {
    name: ref.name,
    role: entry?.role ?? "client",
    service: entry?.service ?? "tcp",
    target: entry?.target ?? "",
    // Asked for at the end, when the address has been resolved.
    get beyondLoopback() {
      return facts?.beyondLoopback ?? false;
    },
    sameKey: sharingKey(known, tunnels),
    verifiedBefore: known?.keyVerifiedAtMs !== undefined,
    configCure: entry ? undefined : cureOfMissing(ref, config),
    config: () => {
      if (!entry) throw missing(ref, config);
      return ref.configPath;
    },
    approval: async () => {
      // Without its key an entry has no digest yet; that is the next stage's to say.
      const planned = await plan().catch((error: unknown) => {
        if (isKeyFault(error)) return undefined;
        throw error;
      });
      if (!planned) return UNKNOWN;
      if (approvals.isApproved(ref, planned.facts.digest)) return "approved in its present form";
      const isServer = planned.plan.role === "server";
      if (isServer && context.isNamed) return "not needed to look at a server entry of a file that you name";
      const orName = isServer ? `, or name the file with --config if "tunneld serve" runs it` : "";
      throw new TunnelError("NOT_APPROVED", `${quote(ref.name)} is not approved in its present form: approve it ("tunneld approve ${ref.name}")${orName}`);
    },
    key: async () => (await plan()).facts.keys.map((key) => `${key.source}, fingerprint ${key.fingerprint}`).join("; "),
    listen: async () => {
      const planned = await plan();
      const isOpenHere = known !== undefined && OPEN_STATES.has(known.state);
      const shown = await checkListen({ address: planned.plan.listen, isOpenHere, isOwnSocket: context.isOwnSocket }).catch(async (error: unknown) => {
        const isTaken = planned.plan.role === "server" && error instanceof TunnelError && error.code === "LISTEN_IN_USE";
        if (!isTaken || !(await context.holdsOurKey(planned.plan))) throw error;
        return `a far end with this key listens at ${formatAddress(planned.plan.listen)}: tunneld serve or spiped`;
      });
      return isOpenHere ? `this tunnel listens at ${known.listen}` : shown;
    },
    plan: async () => (await plan()).plan,
  };
  return { subject, planned: async () => await planning?.catch(() => undefined) };
}

/** Its port is bound. */
const OPEN_STATES: ReadonlySet<string> = new Set(["listening", "key-verified", "verified", "degraded"]);

function missing(ref: TunnelRef, config: ConfigState): TunnelError {
  const fault = config.faults.get(ref.name) ?? (config.broken ? config.problems[0] : undefined);
  if (fault) return new TunnelError("CONFIG_INVALID", `${fault.path}:${fault.line}:${fault.column}: ${fault.message}`);
  const names = [...config.entries.keys(), ...config.faults.keys()];
  const near = nearest(ref.name, names);
  const hint = near === undefined ? `it has ${names.length === 0 ? "none" : names.slice(0, 10).join(", ")}` : `did you mean ${quote(near)}?`;
  return new TunnelError("CONFIG_INVALID", `${ref.configPath} has no tunnel ${quote(ref.name)}: ${hint}`);
}

/** A name that the file does not have is nothing to be corrected in an entry. */
function cureOfMissing(ref: TunnelRef, config: ConfigState): string | undefined {
  if (config.faults.has(ref.name) || config.broken) return undefined;
  const names = [...config.entries.keys(), ...config.faults.keys()];
  const [first] = names;
  if (first === undefined) return `Write a tunnel ${quote(ref.name)} into the file, or name another file with --config.`;
  return `Name a tunnel of the file: tunneld diagnose ${nearest(ref.name, names) ?? first}.`;
}

/** Other tunnels with the same key for another target: whoever holds it could be either. */
function sharingKey(known: TunnelStatus | undefined, tunnels: readonly TunnelStatus[]): string[] {
  if (!known) return [];
  const shares = (other: TunnelStatus): boolean => other.keyFingerprints.some((fingerprint) => known.keyFingerprints.includes(fingerprint));
  return tunnels.filter((other) => other !== known && other.target !== known.target && shares(other)).map((other) => other.name);
}
