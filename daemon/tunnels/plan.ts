/**
 * What a tunnel runs by: an entry of tunnels.json with its addresses resolved and
 * its keys loaded. Made by definition.ts.
 */

import { type Address, formatAddress } from "../../shared/address.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { Role } from "../protocol/wire.ts";
import type { ResolvedAddress } from "../proxy/target.ts";

/** Everything a tunnel needs to run; resolved and checked before. */
export interface TunnelPlan {
  readonly name: string;
  readonly role: Role;
  readonly service: Service;
  readonly listen: ResolvedAddress;
  readonly target: Address;
  readonly bind: ResolvedAddress | undefined;
  /** Whoever has the plan owns them. */
  readonly keys: readonly SharedKey[];
  /** Their fingerprints, in the same order. */
  readonly keyNames?: readonly string[] | undefined;
  readonly forwardSecrecy: ForwardSecrecy;
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly dnsRefreshMs: number;
  readonly maxConnections: number;
}

/** Whether what was proved with one plan holds for the other. */
export function isSameWay(a: TunnelPlan, b: TunnelPlan): boolean {
  const [one, other] = [a, b].map(({ role, target, bind, forwardSecrecy }) =>
    JSON.stringify([role, formatAddress(target), bind && formatAddress(bind), forwardSecrecy]),
  );
  return one === other && a.keys.length === b.keys.length && a.keys.every((key, index) => sameBytes(key, b.keys[index]));
}

/** Both are ours: nobody learns anything from the time this takes. */
function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, index) => byte === b[index]);
}
