/**
 * What a tunnel runs by: an entry of tunnels.json with its addresses resolved and
 * its keys loaded, and the digests that say whether it may be shared and whether
 * it is approved. Made by planner.ts.
 */
import { type Address, formatAddress } from "../../shared/address.ts";
import type { KeyForm } from "../../shared/contract/key-form.ts";
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { Service, TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import { type SharedKey, sameBytes } from "../protocol/keys.ts";
import type { WireChoice } from "../protocol/negotiation.ts";
import type { Role } from "../protocol/wire.ts";
import type { ResolvedAddress } from "../proxy/target.ts";

/** Everything a tunnel needs to run; resolved and checked before. */
export interface TunnelPlan {
  readonly name: string;
  /** The file that the name is in: tells two tunnels of one name apart in the log. */
  readonly configPath?: string;
  readonly role: Role;
  readonly service: Service;
  /** The service speaks TLS by itself; default: it does not. */
  readonly tls?: boolean | undefined;
  readonly listen: ResolvedAddress;
  readonly target: Address;
  readonly bind: ResolvedAddress | undefined;
  /** The holder of the plan owns the keys. */
  readonly keys: readonly SharedKey[];
  /** Their fingerprints, in the same order. */
  readonly fingerprints?: readonly string[] | undefined;
  /** The text form of each key's file, in the same order; undefined: no file is text. */
  readonly keyForms?: readonly (KeyForm | undefined)[] | undefined;
  readonly forwardSecrecy: ForwardSecrecy;
  /** Which wires are spoken; default: auto. */
  readonly wire?: WireChoice | undefined;
  /** Client: which backend of the far end; default: the target of its entry. */
  readonly backend?: string | undefined;
  /** Server: further services by name, and addresses that may be asked for. */
  readonly targets?: Readonly<Record<string, string>> | undefined;
  readonly allow?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly dnsRefreshMs: number;
  readonly maxConnections: number;
  /** Client: what a program gets that can't be served: an answer in its own protocol, which is the default, or the end. */
  readonly refusal?: "answer" | "close" | undefined;
  /** How long a session of the native wire waits for another connection, in milliseconds; default: 0, not at all. */
  readonly keepsMs?: number | undefined;
}

/** Whether what was proved with one plan holds for the other. */
export function isSameWay(a: TunnelPlan, b: TunnelPlan): boolean {
  const [one, other] = [a, b].map(({ role, target, bind, forwardSecrecy, wire = "auto", backend }) =>
    JSON.stringify([role, formatAddress(target), bind && formatAddress(bind), forwardSecrecy, wire, backend]),
  );
  return one === other && a.keys.length === b.keys.length && a.keys.every((key, index) => sameBytes(key, b.keys[index]));
}

/** An entry, ready to run. */
export interface Planned {
  readonly plan: TunnelPlan;
  /** The same for two entries that may share one tunnel. */
  readonly digest: string;
  readonly facts: ApprovalFacts;
}

/** Overwrites the keys of a plan that nobody will run. */
export function wipe(plan: Pick<TunnelPlan, "keys">): void {
  for (const key of plan.keys) key.fill(0);
}

/** Turns entries into plans. */
export interface Planner {
  /**
   * `asService`: its key files are judged as `tunneld serve` judges them.
   * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS, KEY_WEAK, CONFIG_INVALID or DNS_FAILED
   */
  plan(ref: TunnelRef, entry: TunnelEntry, how?: { readonly asService: boolean }): Promise<Planned>;
}

/** Which digests the user has approved. */
export interface ApprovalSource {
  isApproved(ref: TunnelRef, digest: string): boolean;
}
