/**
 * Prepares an entry of a tunnels.json for a diagnosis: the daemon's own parts look
 * at its file, its approval, its key and its port.
 */

import { formatAddress } from "../../shared/address.ts";
import { keyFormMessage, keyVariantsMessage } from "../../shared/contract/key-form.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { isKeyFileFault, TunnelError } from "../../shared/errors.ts";
import { joined, type Message, message } from "../../shared/message.ts";
import { nearest } from "../../shared/nearest.ts";
import { quote } from "../../shared/plain-text.ts";
import type { ConfigState } from "../config/config-source.ts";
import type { ApprovalSource, Planned, Planner } from "../tunnels/plan.ts";
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
    planning ??= entry ? planner.plan(ref, entry, { asService: context.isNamed && entry.role === "server" }) : Promise.reject(missing(ref, config));
    void planning.then(
      (planned) => {
        facts = planned.facts;
      },
      () => {},
    );
    return planning;
  };
  const isKeyFault = (error: unknown): boolean => error instanceof TunnelError && isKeyFileFault(error.code);
  const subject: Subject = {
    name: ref.name,
    role: entry?.role ?? "client",
    service: entry?.service ?? "tcp",
    target: entry?.target ?? "",
    // Read at the end, when the address has been resolved.
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
      // Without its key an entry has no digest yet; the next stage reports that.
      const planned = await plan().catch((error: unknown) => {
        if (isKeyFault(error)) return undefined;
        throw error;
      });
      if (!planned) return UNKNOWN;
      if (approvals.isApproved(ref, planned.facts.digest)) return message("approved in its present form");
      const isServer = planned.plan.role === "server";
      if (isServer && context.isNamed) return message("not needed to look at a server entry of a file that you name");
      const orName = isServer ? `, or name the file with --config if "tunneld serve" runs it` : "";
      throw new TunnelError("NOT_APPROVED", message("{0} is not approved in its present form: approve it", quote(ref.name)), {
        hint: ` ("tunneld approve ${ref.name}")${orName}`,
      });
    },
    key: async () => {
      const planned = await plan();
      const forms = (planned.plan.keyForms ?? [])
        .filter((form) => form !== undefined)
        .map((form) => message("{0}: {1}", keyFormMessage(form), keyVariantsMessage(form)));
      return joined([...planned.facts.keys.map((key) => message("{0}, fingerprint {1}", key.source, key.fingerprint)), ...forms]);
    },
    listen: async () => {
      const planned = await plan();
      const isOpenHere = known !== undefined && isListening(known.state);
      const shown = await checkListen({ address: planned.plan.listen, isOpenHere, isOwnSocket: context.isOwnSocket }).catch(async (error: unknown) => {
        const isTaken = planned.plan.role === "server" && error instanceof TunnelError && error.code === "LISTEN_IN_USE";
        if (!isTaken || !(await context.holdsOurKey(planned.plan))) throw error;
        return message("a far end with this key listens at {0}: tunneld serve or spiped", formatAddress(planned.plan.listen));
      });
      return isOpenHere ? message("this tunnel listens at {0}", known.listen) : shown;
    },
    plan: async () => (await plan()).plan,
  };
  return { subject, planned: async () => await planning?.catch(() => undefined) };
}

function missing(ref: TunnelRef, config: ConfigState): TunnelError {
  const fault = config.faults.get(ref.name) ?? (config.broken ? config.problems[0] : undefined);
  if (fault) return new TunnelError("CONFIG_INVALID", message("{0}:{1}:{2}: {3}", fault.path, fault.line, fault.column, fault.text ?? fault.message));
  const names = [...config.entries.keys(), ...config.faults.keys()];
  const near = nearest(ref.name, names);
  const [path, name] = [ref.configPath, quote(ref.name)];
  if (near !== undefined) return new TunnelError("CONFIG_INVALID", message("{0} has no tunnel {1}: did you mean {2}?", path, name, quote(near)));
  const what =
    names.length === 0
      ? message("{0} has no tunnel {1}: it has none", path, name)
      : message("{0} has no tunnel {1}: it has {2}", path, name, names.slice(0, 10).join(", "));
  return new TunnelError("CONFIG_INVALID", what);
}

/** If the file does not have the name at all, there is no entry to correct, so the cure is another one. */
function cureOfMissing(ref: TunnelRef, config: ConfigState): Message | undefined {
  if (config.faults.has(ref.name) || config.broken) return undefined;
  const names = [...config.entries.keys(), ...config.faults.keys()];
  const [first] = names;
  if (first === undefined) return message("Write a tunnel {0} into the file, or name another file with --config.", quote(ref.name));
  return message("Name a tunnel of the file: tunneld diagnose {0}.", nearest(ref.name, names) ?? first);
}

/** Other tunnels with the same key for another target: a holder of the key could be either target. */
function sharingKey(known: TunnelStatus | undefined, tunnels: readonly TunnelStatus[]): string[] {
  if (!known) return [];
  const shares = (other: TunnelStatus): boolean => other.keyFingerprints.some((fingerprint) => known.keyFingerprints.includes(fingerprint));
  return tunnels.filter((other) => other !== known && other.target !== known.target && shares(other)).map((other) => other.name);
}
