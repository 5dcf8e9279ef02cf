/**
 * The one probe of an explicit open: a connection through the tunnel's own port,
 * as any client makes it, so that what it shows is what clients get.
 */
import * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { resetSocket } from "../proxy/endpoint.ts";
import type { RouteStats } from "../proxy/stats.ts";
import { withinTime } from "../proxy/within-time.ts";
import { probe } from "../services/probe.ts";
import { reachable } from "./listen-address.ts";
import type { Tunnel } from "./tunnel.ts";

/** Our choice: time for the service to answer, beside the tunnel's own bounds for connecting and the handshake. */
const SERVICE_TIMEOUT_MS = 5_000;

/** What a probe came to: `failure` is missing when the service, or for a tcp one the far end, has proved itself. */
export interface Probed {
  readonly failure?: TunnelError;
}

/** Probes; never rejects. What it showed, good or bad, is in the tunnel's counters as well. Does nothing, and says nothing, while the port is not the tunnel's. */
export async function probeTunnel(tunnel: Tunnel): Promise<Probed | undefined> {
  if (!tunnel.isOpen) return undefined;
  const { service, timeoutMs } = tunnel.plan;
  const boundMs = 2 * timeoutMs + SERVICE_TIMEOUT_MS;
  const { stats } = tunnel;
  const failureBefore = stats.lastFailure;
  const evidence = tunnel.nextEvidence();
  const socket = net.connect(reachable(tunnel.listen));
  socket.on("error", () => {});
  try {
    if (service !== "tcp") await probe(socket, { service, timeoutMs: boundMs });
    else {
      const late = (): TunnelError => new TunnelError("HANDSHAKE_TIMEOUT", `nothing answered within ${boundMs / 1000} s: check the target`);
      await withinTime(evidence, { timeoutMs: boundMs, late });
      if (stats.lastFailure !== failureBefore) return { failure: failureOf(stats) };
    }
    return {};
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    // The tunnel knows better why a connection broke; only the probe knows what a service said, or that it is silent.
    if (stats.lastFailure !== failureBefore) return { failure: failureOf(stats) };
    if (tunnel.isOpen && tunnel.stats === stats) tunnel.note(error);
    return { failure: error };
  } finally {
    // Of a service that has not said anything it can't be hoped that it ends a connection that is only ended.
    resetSocket(socket);
  }
}

function failureOf({ lastFailure }: RouteStats): TunnelError {
  if (!lastFailure) throw new RangeError("it has just failed");
  return new TunnelError(lastFailure.code, lastFailure.message);
}
