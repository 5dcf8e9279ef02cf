/**
 * Which names a request for metrics may use for this server (its Host header).
 * A web page can make its own name resolve to an address of the reader's machine
 * (DNS rebinding): then its requests come from that machine, and only the name in
 * them gives them away. An address can't point elsewhere, so it needs no list.
 */
import { isIP } from "node:net";
import { isLoopbackIp } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";

/** What decides which names are accepted. */
export interface MetricsHostOptions {
  /** The host of `--metrics`, as it was given: a name or an address. */
  readonly given: string;
  /** The address that the server listens at. */
  readonly listensAt: string;
  /** `--metrics-host`: more names, separated by commas. */
  readonly also: string | undefined;
}

/** Whether a Host header names this server, with any port. */
export type HostCheck = (header: string | undefined) => boolean;

/**
 * On loopback, localhost, loopback addresses and the given names are accepted; elsewhere every address is accepted too.
 * @throws TunnelError CONFIG_INVALID for a name in `also` that no Host header can have
 */
export function metricsHosts({ given, listensAt, also }: MetricsHostOptions): HostCheck {
  const further = also?.split(",").map((name) => name.trim()) ?? [];
  for (const name of further) {
    if (hostOf(name) === undefined || /:\d+$/.test(name.replace(/^\[.*\]/, ""))) {
      throw new TunnelError("CONFIG_INVALID", `--metrics-host ${also}: give names without ports, with commas between them`);
    }
  }
  const names = new Set(["localhost", given, listensAt, ...further].map((name) => hostOf(isIP(name) === 6 ? `[${name}]` : name)));
  const isBeyondLoopback = !isLoopbackIp(listensAt);
  return (header) => {
    // HTTP/1.0 has no Host header; a browser always sends one.
    if (header === undefined) return true;
    const host = hostOf(header);
    if (host === undefined) return false;
    const ip = host.replace(/^\[(.*)\]$/, "$1");
    return names.has(host) || isLoopbackIp(ip) || (isBeyondLoopback && isIP(ip) !== 0);
  };
}

const HOST = /^(\[[\da-f:.]+\]|[^\s:/?#@[\]\\%*]+?)\.?(?::\d+)?$/i;

/** The host without port and final dot, in one spelling; undefined: this is no host. */
function hostOf(header: string): string | undefined {
  const host = HOST.exec(header)?.[1];
  return host === undefined || !URL.canParse(`http://${host}/`) ? undefined : new URL(`http://${host}/`).hostname;
}
