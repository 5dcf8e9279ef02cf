/** The daemon's data about a tunnel, for tests. */
import type { ApprovalFacts } from "../../shared/contract/methods.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";

const TIMING = { count: 0, lastMs: 0, maxMs: 0, totalMs: 0 };

/** An open tunnel "cache" that has not been used, with the fields of `more` replaced. */
export function tunnelStatus(more: Partial<TunnelStatus> = {}): TunnelStatus {
  return {
    id: "cache@00000000",
    name: "cache",
    configPath: "/srv/app/.vscode/tunnels.json",
    role: "client",
    service: "redis",
    state: "listening",
    sinceMs: 1_000,
    listen: "127.0.0.1:6579",
    target: "cache.example.com:6479",
    keyFingerprints: ["aaaa-bbbb"],
    connections: [],
    openConnections: 0,
    totalConnections: 0,
    refused: {},
    plainInBytes: 0,
    plainOutBytes: 0,
    wireInBytes: 0,
    wireOutBytes: 0,
    handshake: TIMING,
    dial: TIMING,
    users: [],
    pinned: false,
    closedByUser: false,
    ...more,
  };
}

/** The facts to approve of an entry "cache", with the fields of `more` replaced. */
export function approvedFacts(more: Partial<ApprovalFacts> = {}): ApprovalFacts {
  return {
    configPath: "/srv/app/.vscode/tunnels.json",
    name: "cache",
    digest: "00",
    role: "client",
    listen: "127.0.0.1:6579",
    beyondLoopback: false,
    target: "cache.example.com:6479",
    keys: [{ source: "team", fingerprint: "aaaa-bbbb" }],
    env: {},
    approvedBefore: false,
    ...more,
  };
}
