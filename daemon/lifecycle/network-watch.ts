/**
 * Notices that the machine's addresses have changed: another Wi-Fi, a VPN that
 * came or went. Connections that were made from an address that is gone are dead,
 * and nothing says so: the owner asks the other ends. Node tells of no change, so
 * the addresses are read again and again, which takes about 0.1 ms.
 */
import * as os from "node:os";
import type { Dispose, Timers } from "../../shared/time.ts";

/** Our choice: how soon a change is noticed. */
const CHECK_MS = 3_000;

/** What the watch needs. */
export interface NetworkWatchOptions {
  readonly timers: Timers;
  readonly onChange: () => void;
  /** Default: this machine's. */
  readonly interfaces?: () => NodeJS.Dict<os.NetworkInterfaceInfo[]>;
}

/** Starts to watch; the caller owns the result. */
export function watchNetwork({ timers, onChange, interfaces = os.networkInterfaces }: NetworkWatchOptions): Dispose {
  let known = addressesOf(interfaces);
  return timers.every(CHECK_MS, () => {
    const now = addressesOf(interfaces);
    if (now === undefined || now === known) return;
    const isFirst = known === undefined;
    known = now;
    if (!isFirst) onChange();
  });
}

/** Every address that leads out of the machine; undefined: the system does not say. */
function addressesOf(interfaces: NonNullable<NetworkWatchOptions["interfaces"]>): string | undefined {
  try {
    const all = Object.entries(interfaces()).flatMap(([name, list]) => (list ?? []).map(({ address, internal }) => (internal ? [] : `${name} ${address}`)));
    return all.flat().toSorted().join("\n");
  } catch {
    return undefined;
  }
}
