/**
 * The form of `status --json`, which scripts rely on: fields are only ever added.
 * Times are ISO 8601 in UTC, or null. `tunneld status --help` describes it for
 * people.
 */
import type { DaemonStatus, FailureStatus, TunnelStatus } from "../../shared/contract/state.ts";

/** A failure; `code` is one of the README's. */
interface FailureJson {
  readonly code: string;
  readonly message: string;
  readonly at: string;
  /** How many times in a row. */
  readonly count: number;
}

/** One tunnel. */
interface TunnelJson {
  readonly name: string;
  readonly configPath: string;
  readonly role: string;
  readonly service: string;
  readonly state: string;
  readonly since: string | null;
  readonly listen: string;
  readonly target: string;
  /** Which of the far end's backends is asked for; null: its entry's target. */
  readonly backend: string | null;
  readonly group: string | null;
  /** Open now. */
  readonly connections: number;
  readonly totalConnections: number;
  readonly keyVerifiedAt: string | null;
  readonly backendVerifiedAt: string | null;
  readonly keyFingerprints: readonly string[];
  /** How often each key was proved, and when last. */
  readonly keyUses: readonly { readonly fingerprint: string; readonly count: number; readonly lastAt: string }[];
  /** spiped or native: what the other end spoke the last time. */
  readonly wire: string | null;
  /** What the service said of itself at the last probe. */
  readonly product: string | null;
  /** The network is cut, and so many connections wait; null: it is not. */
  readonly reconnecting: { readonly since: string; readonly connections: number; readonly code: string; readonly message: string } | null;
  /** Sessions of the native wire: there now, without a connection now; taken up and lost after a cut. */
  readonly sessions: { readonly open: number; readonly waiting: number; readonly resumed: number; readonly gone: number } | null;
  readonly lastFailure: FailureJson | null;
  /** Plain bytes from the encrypted side, and to it. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pinned: boolean;
  readonly closedByUser: boolean;
  readonly users: readonly { readonly kind: string; readonly name: string; readonly pid: number }[];
}

/** The whole output; `daemon` is null when none is running. */
export interface StatusJson {
  readonly daemon: {
    readonly pid: number;
    readonly version: string;
    readonly protocol: number;
    readonly startedAt: string;
    readonly stateDir: string;
    readonly crypto: string;
    readonly draining: boolean;
    /** Daemons that have handed over to this one and wait for their last connections. */
    readonly predecessors: readonly { readonly pid: number; readonly version: string; readonly openConnections: number }[];
    /** Why a closed tunnel or a revoked approval is not saved, and lasts only until the daemon ends; null: all is saved. */
    readonly unsaved: string | null;
  } | null;
  readonly tunnels: readonly TunnelJson[];
}

/** The daemon's answer in this form; undefined: there is no daemon. */
export function statusJson(said: { readonly daemon: DaemonStatus; readonly tunnels: readonly TunnelStatus[] } | undefined): StatusJson {
  if (!said) return { daemon: null, tunnels: [] };
  const { pid, version, protocol, startedAtMs, stateDir, crypto, draining, predecessors = [], unsaved = null } = said.daemon;
  return {
    daemon: { pid, version, protocol, startedAt: iso(startedAtMs), stateDir, crypto, draining, predecessors, unsaved },
    tunnels: said.tunnels.map(tunnelJson),
  };
}

function tunnelJson(tunnel: TunnelStatus): TunnelJson {
  return {
    name: tunnel.name,
    configPath: tunnel.configPath,
    role: tunnel.role,
    service: tunnel.service,
    state: tunnel.state,
    since: isoOrNull(tunnel.sinceMs === 0 ? undefined : tunnel.sinceMs),
    listen: tunnel.listen,
    target: tunnel.target,
    backend: tunnel.backend ?? null,
    group: tunnel.group ?? null,
    connections: tunnel.openConnections,
    totalConnections: tunnel.totalConnections,
    keyVerifiedAt: isoOrNull(tunnel.keyVerifiedAtMs),
    backendVerifiedAt: isoOrNull(tunnel.backendVerifiedAtMs),
    keyFingerprints: tunnel.keyFingerprints,
    keyUses: (tunnel.keyUses ?? []).map(({ fingerprint, count, lastAtMs }) => ({ fingerprint, count, lastAt: iso(lastAtMs) })),
    wire: tunnel.wire ?? null,
    product: tunnel.product ?? null,
    reconnecting: reconnectingJson(tunnel.reconnecting),
    sessions: tunnel.sessions ?? null,
    lastFailure: failureJson(tunnel.lastFailure),
    bytesIn: tunnel.plainInBytes,
    bytesOut: tunnel.plainOutBytes,
    pinned: tunnel.pinned,
    closedByUser: tunnel.closedByUser,
    users: tunnel.users,
  };
}

function reconnectingJson(reconnecting: TunnelStatus["reconnecting"]): TunnelJson["reconnecting"] {
  if (!reconnecting) return null;
  const { sinceMs, connections, code, message } = reconnecting;
  return { since: iso(sinceMs), connections, code, message };
}

function failureJson(failure: FailureStatus | undefined): FailureJson | null {
  return failure ? { code: failure.code, message: failure.message, at: iso(failure.atMs), count: failure.count } : null;
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : iso(ms);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
