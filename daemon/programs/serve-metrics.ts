/**
 * Counters of all tunnels for Prometheus, and a health check, over HTTP. Off by
 * default, and on loopback unless told otherwise. A request that uses a wrong
 * name for this server is refused (metrics-hosts.ts).
 */
import * as http from "node:http";
import type * as net from "node:net";
import { Counter, Gauge, Registry } from "prom-client";
import { isLoopbackIp, parseAddress } from "../../shared/address.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { bind } from "../proxy/bind.ts";
import { Target } from "../proxy/target.ts";
import { metricsHosts } from "./metrics-hosts.ts";

/** A server for metrics; the caller closes it. */
export interface MetricsServer {
  readonly port: number;
  close(): void;
}

/** What is served, and where. */
export interface MetricsOptions {
  /** host:port. */
  readonly address: string;
  /** Other machines may send requests. */
  readonly beyondLoopback: boolean;
  /** Names that requests may use besides the address, separated by commas. */
  readonly hosts: string | undefined;
  readonly list: () => readonly TunnelStatus[];
  /** Whether the file still has the entry of this name: a removed entry does not count as missing. */
  readonly isMeant: (name: string) => boolean;
}

/** A tunnel's numbers, by metric. */
const METRICS: Readonly<Record<string, { readonly help: string; readonly of: (tunnel: TunnelStatus) => number }>> = {
  tunneld_connections_open: { help: "Connections that carry data now", of: (tunnel) => tunnel.openConnections },
  tunneld_connections_total: { help: "Connections since the start", of: (tunnel) => tunnel.totalConnections },
  tunneld_plain_received_bytes_total: { help: "Plain bytes from the encrypted side", of: (tunnel) => tunnel.plainInBytes },
  tunneld_plain_sent_bytes_total: { help: "Plain bytes to the encrypted side", of: (tunnel) => tunnel.plainOutBytes },
  tunneld_wire_received_bytes_total: { help: "Encrypted bytes received", of: (tunnel) => tunnel.wireInBytes },
  tunneld_wire_sent_bytes_total: { help: "Encrypted bytes sent", of: (tunnel) => tunnel.wireOutBytes },
  tunneld_listening: { help: "1 when the port is open", of: (tunnel) => Number(isListening(tunnel.state)) },
  tunneld_wire_native: { help: "1 when the other end spoke the native wire the last time", of: (tunnel) => Number(tunnel.wire === "native") },
  tunneld_sessions: { help: "Sessions of the native wire", of: (tunnel) => tunnel.sessions?.open ?? 0 },
  tunneld_sessions_detached: { help: "Sessions that have lost their connection and wait for another", of: (tunnel) => tunnel.sessions?.waiting ?? 0 },
  tunneld_sessions_resumed_total: { help: "Sessions that went on after a cut", of: (tunnel) => tunnel.sessions?.resumed ?? 0 },
  tunneld_sessions_gone_total: { help: "Sessions that were lost after a cut", of: (tunnel) => tunnel.sessions?.gone ?? 0 },
  tunneld_key_verified_timestamp_seconds: { help: "When the other end last proved its key", of: (tunnel) => (tunnel.keyVerifiedAtMs ?? 0) / 1000 },
};

/**
 * Serves /metrics and /healthz.
 * @throws TunnelError CONFIG_INVALID for an address beyond loopback without permission or an impossible name, LISTEN_IN_USE, LISTEN_DENIED
 */
export async function serveMetrics(options: MetricsOptions): Promise<MetricsServer> {
  const given = parseAddress(options.address);
  const [address] = await new Target({ address: given, refreshMs: undefined }).addresses();
  if (address?.kind !== "tcp" || given.kind !== "tcp") throw new TunnelError("CONFIG_INVALID", `--metrics ${options.address}: give host:port`);
  if (!isLoopbackIp(address.host) && !options.beyondLoopback) {
    throw new TunnelError(
      "CONFIG_INVALID",
      `--metrics ${options.address} can be reached by other machines: use 127.0.0.1, or add --metrics-public if that is meant`,
    );
  }
  const registry = createRegistry(options.list);
  const isOurs = metricsHosts({ given: given.host, listensAt: address.host, also: options.hosts });
  const server = http.createServer((request, response) => {
    if (isOurs(request.headers.host)) void answer(request, response, { ...options, registry });
    // 421 is RFC 9110, 15.5.20: this server does not answer for that name.
    else response.writeHead(421, { "content-type": "text/plain; charset=utf-8" }).end(NOT_OURS);
  });
  await bind(server as net.Server, { address });
  return { port: (server.address() as net.AddressInfo).port, close: () => void server.close(() => {}) };
}

const NOT_OURS = "This server has another name: ask it by its address, or name it with --metrics-host.\n";

function createRegistry(list: MetricsOptions["list"]): Registry {
  const registry = new Registry();
  for (const [name, { help, of }] of Object.entries(METRICS)) {
    addSeries(registry, { name, help, labels: ["tunnel", "role"] }, () => list().map((tunnel) => [{ tunnel: tunnel.name, role: tunnel.role }, of(tunnel)]));
  }
  addSeries(registry, { name: "tunneld_failures_total", help: "Failures and refusals by code", labels: ["tunnel", "code"] }, () =>
    list().flatMap((tunnel) => Object.entries(tunnel.refused).map(([code, count]): Sample => [{ tunnel: tunnel.name, code }, count])),
  );
  const ofPorts = "Failures by code at a port that entries share, before a key told which of them was meant";
  addSeries(registry, { name: "tunneld_port_failures_total", help: ofPorts, labels: ["listen", "code"] }, () => {
    // Every entry of a port has the same counts.
    const ports = new Map(list().map(({ listen, refusedAtPort }) => [listen, refusedAtPort ?? {}]));
    return [...ports].flatMap(([listen, codes]) => Object.entries(codes).map(([code, count]): Sample => [{ listen, code }, count]));
  });
  const ofKeys = "How often each key was proved, by fingerprint: an old key that stands still is out of use";
  addSeries(registry, { name: "tunneld_key_uses_total", help: ofKeys, labels: ["tunnel", "fingerprint"] }, () =>
    list().flatMap((tunnel) => (tunnel.keyUses ?? []).map(({ fingerprint, count }): Sample => [{ tunnel: tunnel.name, fingerprint }, count])),
  );
  return registry;
}

/** Labels and value. */
type Sample = readonly [Record<string, string>, number];

/** Adds a counter if the name ends in _total (Prometheus' rule), else a gauge. Values are read on request: nothing is counted here. */
function addSeries(
  registry: Registry,
  { name, help, labels }: { readonly name: string; readonly help: string; readonly labels: readonly string[] },
  read: () => readonly Sample[],
): void {
  const collect = (): void => {
    metric.reset();
    for (const [of, value] of read()) metric.inc(of, value);
  };
  const settings = { name, help, labelNames: labels, registers: [registry], collect };
  const metric: Counter | Gauge = name.endsWith("_total") ? new Counter(settings) : new Gauge(settings);
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  from: Pick<MetricsOptions, "list" | "isMeant"> & { readonly registry: Registry },
): Promise<void> {
  const path = request.url?.replace(/\?.*$/s, "");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
  } else if (path === "/metrics") {
    response.writeHead(200, { "content-type": from.registry.contentType }).end(await from.registry.metrics());
  } else if (path === "/healthz") {
    const wanted = from.list().filter(({ name }) => from.isMeant(name));
    const waiting = wanted.filter(({ state }) => !isListening(state));
    const isWell = waiting.length === 0 && wanted.length > 0;
    const text = isWell ? "ok\n" : wanted.length === 0 ? "no entries\n" : `not listening: ${waiting.map(({ name }) => name).join(", ")}\n`;
    response.writeHead(isWell ? 200 : 503, { "content-type": "text/plain; charset=utf-8" }).end(text);
  } else {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("/metrics or /healthz\n");
  }
}
