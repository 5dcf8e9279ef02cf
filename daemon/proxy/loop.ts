/**
 * Whether an address leads back to the listener that accepted a connection: a
 * tunnel to itself would take connections until descriptors run out. A target
 * written as an IP address is refused with its entry; a name can only be judged
 * after each look-up, for each connection anew.
 */
import { networkInterfaces } from "node:os";
import { isLoopbackIp } from "../../shared/address.ts";
import type { ResolvedAddress } from "./target.ts";

/** Whether `address` is where `listen` takes connections. */
export function leadsTo(address: ResolvedAddress, listen: ResolvedAddress | undefined): boolean {
  if (listen === undefined) return false;
  if (address.kind === "unix" || listen.kind === "unix") return address.kind === "unix" && listen.kind === "unix" && address.path === listen.path;
  if (address.port !== listen.port) return false;
  if (address.host === listen.host) return true;
  const isEverywhere = listen.host === "0.0.0.0" || listen.host === "::";
  return isEverywhere && (address.host === "0.0.0.0" || address.host === "::" || isLoopbackIp(address.host) || isOwnIp(address.host));
}

function isOwnIp(ip: string): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === ip));
}
