/**
 * Counters of all tunnels for Prometheus, and a health check, over HTTP; only
 * where it is asked for, and on loopback unless told otherwise.
 */
import * as http from "node:http";
import type * as net from "node:net";
import { Gauge, Registry } from "prom-client";
import type { TunnelStatus } from "../contract/state.ts";
import { TunnelError } from "../errors.ts";
import { isLoopbackIp, parseAddress } from "../proxy/address.ts";
import { bind } from "../proxy/bind.ts";
import { Target } from "../proxy/target.ts";

/** A server for metrics; the caller closes it. */
export interface MetricsServer {
  readonly port: number;
  close(): void;
}

/** What is served, and where. */
export interface MetricsOptions {
  /** host:port. */
  readonly address: string;
  /** Other machines may ask. */
  readonly beyondLoopback: boolean;
  readonly list: () => readonly TunnelStatus[];
}

/** Numbers of a tunnel by metric; counters are gauges to the library because they are read, not counted, here. */
const METRICS: Readonly<Record<string, { readonly help: string; readonly of: (tunnel: TunnelStatus) => number }>> = {
  tunneld_connections_open: { help: "Connections that carry data now", of: (tunnel) => tunnel.openConnections },
  tunneld_connections_total: { help: "Connections since the start", of: (tunnel) => tunnel.totalConnections },
  tunneld_plain_received_bytes_total: { help: "Plain bytes from the encrypted side", of: (tunnel) => tunnel.plainInBytes },
  tunneld_plain_sent_bytes_total: { help: "Plain bytes to the encrypted side", of: (tunnel) => tunnel.plainOutBytes },
  tunneld_wire_received_bytes_total: { help: "Encrypted bytes received", of: (tunnel) => tunnel.wireInBytes },
  tunneld_wire_sent_bytes_total: { help: "Encrypted bytes sent", of: (tunnel) => tunnel.wireOutBytes },
  tunneld_listening: { help: "1 when the port is open", of: (tunnel) => Number(["listening", "key-verified", "verified", "degraded"].includes(tunnel.state)) },
  tunneld_key_verified_timestamp_seconds: { help: "When the other end last proved its key", of: (tunnel) => (tunnel.keyVerifiedAtMs ?? 0) / 1000 },
};

/**
 * Serves /metrics and /healthz.
 * @throws TunnelError CONFIG_INVALID for an address beyond loopback that was not meant, LISTEN_IN_USE, LISTEN_DENIED
 */
export async function serveMetrics(options: MetricsOptions): Promise<MetricsServer> {
  const [address] = await new Target({ address: parseAddress(options.address), refreshMs: undefined }).addresses();
  if (address?.kind !== "tcp") throw new TunnelError("CONFIG_INVALID", `--metrics ${options.address}: give host:port`);
  if (!isLoopbackIp(address.host) && !options.beyondLoopback) {
    throw new TunnelError(
      "CONFIG_INVALID",
      `--metrics ${options.address} can be reached by other machines: use 127.0.0.1, or add --metrics-public if that is meant`,
    );
  }
  const registry = createRegistry(options.list);
  const server = http.createServer((request, response) => void answer(request, response, { registry, list: options.list }));
  await bind(server as net.Server, { address });
  return { port: (server.address() as net.AddressInfo).port, close: () => void server.close(() => {}) };
}

function createRegistry(list: MetricsOptions["list"]): Registry {
  const registry = new Registry();
  for (const [name, { help, of }] of Object.entries(METRICS)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: ["tunnel", "role"],
      registers: [registry],
      collect: () => {
        gauge.reset();
        for (const tunnel of list()) gauge.set({ tunnel: tunnel.name, role: tunnel.role }, of(tunnel));
      },
    });
  }
  const failures: Gauge = new Gauge({
    name: "tunneld_failures_total",
    help: "Failures and refusals by code",
    labelNames: ["tunnel", "code"],
    registers: [registry],
    collect: () => {
      failures.reset();
      for (const tunnel of list()) for (const [code, count] of Object.entries(tunnel.refused)) failures.set({ tunnel: tunnel.name, code }, count);
    },
  });
  const keys: Gauge = new Gauge({
    name: "tunneld_key_uses_total",
    help: "How often each key was proved, by fingerprint: an old key that stands still is out of use",
    labelNames: ["tunnel", "fingerprint"],
    registers: [registry],
    collect: () => {
      keys.reset();
      for (const tunnel of list()) for (const { fingerprint, count } of tunnel.keyUses ?? []) keys.set({ tunnel: tunnel.name, fingerprint }, count);
    },
  });
  return registry;
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  from: { readonly registry: Registry; readonly list: MetricsOptions["list"] },
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
  } else if (request.url === "/metrics") {
    response.writeHead(200, { "content-type": from.registry.contentType }).end(await from.registry.metrics());
  } else if (request.url === "/healthz") {
    const waiting = from.list().filter((tunnel) => !["listening", "key-verified", "verified", "degraded"].includes(tunnel.state));
    const text = waiting.length === 0 ? "ok\n" : `not listening: ${waiting.map((tunnel) => tunnel.name).join(", ")}\n`;
    response.writeHead(waiting.length === 0 ? 200 : 503, { "content-type": "text/plain; charset=utf-8" }).end(text);
  } else {
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("/metrics or /healthz\n");
  }
}
