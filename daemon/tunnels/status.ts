/**
 * A tunnel as it is shown: what is wanted and what runs, put together into one
 * plain record. While a tunnel runs, the running one is shown, not what the file
 * says by now.
 */

import { formatAddress } from "../../shared/address.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import type { Connection } from "../proxy/connection.ts";
import { RouteStats, sumOf } from "../proxy/stats.ts";
import type { Tunnel } from "./tunnel.ts";
import type { Want } from "./want.ts";

/** The record of one want. */
export function describe(want: Want): TunnelStatus {
  const { entry, trouble } = want;
  const draining = [...want.draining];
  const shown = want.shared?.tunnel ?? draining.at(-1);
  const tunnels = new Set([...draining, ...(shown ? [shown] : [])]);
  const totals = shown ? sumOf([...tunnels].map((tunnel) => tunnel.totals)) : new RouteStats();
  const evidence = shown?.stats;
  const lastFailure = trouble?.failure ?? shown?.bindFailure ?? evidence?.lastFailure;
  // A tunnel that only drains takes nobody new: what keeps it from opening comes first, unless it is only closed.
  const obstacle = want.shared || trouble?.state === "closed" ? undefined : trouble;
  const stated = obstacle ?? shown ?? trouble;
  return {
    id: want.id,
    name: want.ref.name,
    configPath: want.ref.configPath,
    role: shown?.plan.role ?? entry?.role ?? "client",
    service: shown?.plan.service ?? entry?.service ?? "tcp",
    state: stated?.state ?? "closed",
    sinceMs: stated?.sinceMs ?? want.idleSinceMs,
    listen: shown ? formatAddress(shown.listen) : listenText(entry?.listen ?? ""),
    target: shown ? formatAddress(shown.plan.target) : (entry?.target ?? ""),
    ...backendOf(shown ? shown.plan : entry),
    ...(entry?.group !== undefined && { group: entry.group }),
    keyFingerprints: want.approved?.facts.keys.map((key) => key.fingerprint) ?? [],
    keyUses: [...totals.keyUses].map(([fingerprint, use]) => ({ fingerprint, ...use })),
    ...(evidence?.keyVerifiedAtMs !== undefined && { keyVerifiedAtMs: evidence.keyVerifiedAtMs }),
    ...(evidence?.backendVerifiedAtMs !== undefined && { backendVerifiedAtMs: evidence.backendVerifiedAtMs }),
    ...(evidence?.wire && { wire: evidence.wire }),
    ...(shown?.product !== undefined && { product: shown.product }),
    ...(shown && shown.nodes.length > 0 && { nodes: shown.nodes.map(({ node, address }) => ({ node, listen: formatAddress(address) })) }),
    ...(lastFailure && { lastFailure }),
    ...reconnectingOf(shown),
    ...(totals.sessions.open + totals.sessions.resumed + totals.sessions.gone > 0 && { sessions: { ...totals.sessions } }),
    connections: connectionsOf(tunnels),
    openConnections: totals.open,
    totalConnections: totals.total,
    refused: refusals(totals, tunnels),
    ...(shown?.forwarder.isShared && { refusedAtPort: Object.fromEntries(shown.forwarder.strangers) }),
    plainInBytes: totals.plainInBytes,
    plainOutBytes: totals.plainOutBytes,
    wireInBytes: totals.wireInBytes,
    wireOutBytes: totals.wireOutBytes,
    handshake: { ...totals.handshake },
    dial: { ...totals.dial },
    users: [...want.leases.keys()].map((holder) => holder.user),
    pinned: want.pinned,
    closedByUser: want.closedByUser,
  };
}

function backendOf(from: { readonly backend?: string | undefined } | undefined): { readonly backend?: string } {
  return from?.backend === undefined ? {} : { backend: from.backend };
}

function reconnectingOf(shown: Tunnel | undefined): Pick<TunnelStatus, "reconnecting"> {
  const reconnecting = shown?.reconnecting;
  if (!reconnecting) return {};
  const { sinceMs, error } = reconnecting;
  return { reconnecting: { sinceMs, connections: shown.stats.open, code: error.code, message: error.message, ...(error.reason && { reason: error.reason }) } };
}

/** An entry's `listen` as an address: a port alone is a port of 127.0.0.1. */
function listenText(listen: string | number): string {
  return typeof listen === "number" ? `127.0.0.1:${listen}` : listen;
}

function refusals(totals: RouteStats, tunnels: ReadonlySet<Tunnel>): Record<string, number> {
  const sum = new Map<string, number>(totals.failures);
  for (const { forwarder } of tunnels) {
    if (forwarder.isShared) continue;
    for (const [code, count] of forwarder.strangers) sum.set(code, (sum.get(code) ?? 0) + count);
  }
  return Object.fromEntries(sum);
}

/** Our choice: a status lists at most this many connections; the count includes the rest. */
const MAX_LISTED = 200;

function connectionsOf(tunnels: ReadonlySet<Tunnel>): TunnelStatus["connections"] {
  const listed: Connection[] = [];
  for (const tunnel of tunnels) {
    for (const connection of tunnel.connections()) {
      if (listed.length === MAX_LISTED) break;
      listed.push(connection);
    }
  }
  return listed.map((connection) => ({
    peer: connection.peer,
    phase: connection.phase,
    sinceMs: connection.acceptedAtMs,
    inBytes: connection.plainInBytes,
    outBytes: connection.plainOutBytes,
  }));
}
