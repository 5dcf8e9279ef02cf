/**
 * The one probe of an explicit open: a connection through the tunnel's own port,
 * as any client makes it, so that it shows what clients get. A second connection
 * is made only where a Redis may speak TLS and its entry doesn't say so, or the
 * other way round.
 */
import * as net from "node:net";
import { isRedis } from "../../shared/contract/service-titles.ts";
import { SET_TLS } from "../../shared/contract/tls-advice.ts";
import { saidBy, TunnelError } from "../../shared/errors.ts";
import { formatMessage, message } from "../../shared/message.ts";
import { withinTime } from "../../shared/time.ts";
import { resetSocket } from "../proxy/plain-side.ts";
import type { RouteStats } from "../proxy/stats.ts";
import { type ProbeResult, probe, speaksNoTls, speaksTls, wasClosed } from "../services/probe.ts";
import { startTls } from "../services/tls-client.ts";
import { reachable } from "./listen-address.ts";
import type { Tunnel } from "./tunnel.ts";

/** Our choice: time for the service to answer, in addition to the tunnel's own limits for connecting and the handshake. */
const SERVICE_TIMEOUT_MS = 5_000;

/** Our choice: a Redis without TLS says nothing when TLS begins. After this long a silence it is asked without TLS as well. */
const TLS_SILENCE_MS = 2_000;

/** Our choice: how long a service may take to close an extra connection after we have ended it. */
const LEAVE_MS = 1_000;

/** The result of a probe: `failure` is missing when the service (for a tcp service, the far end) has proved itself. */
export interface Probed {
  readonly failure?: TunnelError;
  /** The service works, but clients have to know this. */
  readonly advice?: string;
}

/**
 * Probes; never rejects. The result, good or bad, is in the tunnel's counters as well. Does nothing and returns
 * undefined while the port is not the tunnel's.
 */
export async function probeTunnel(tunnel: Tunnel): Promise<Probed | undefined> {
  if (!tunnel.isOpen) return undefined;
  const { service, tls, timeoutMs } = tunnel.plan;
  const boundMs = 2 * timeoutMs + SERVICE_TIMEOUT_MS;
  const { stats } = tunnel;
  const failureBefore = stats.lastFailure;
  const handshakesBefore = stats.handshake.count;
  const evidence = tunnel.nextEvidence();
  tunnel.lookAfresh();
  const socket = connect(tunnel);
  try {
    if (service !== "tcp") {
      const asked = probe(socket, { service, tls, timeoutMs: boundMs });
      const result = await (isRedis(service) && tls ? orPlain(asked, { tunnel, socket, evidence }) : asked);
      if (result instanceof TunnelError) return noted(tunnel, result, stats);
      // A service that answers also closes a connection that we end: no reset reaches it.
      socket.destroy();
      if (tunnel.stats === stats) tunnel.product = result.product ?? tunnel.product;
      return adviceOn(result, tls);
    }
    const late = (): TunnelError => new TunnelError("HANDSHAKE_TIMEOUT", message("nothing answered within {0} s: check the target", boundMs / 1000));
    await withinTime(evidence, { timeoutMs: boundMs, late });
    return stats.lastFailure === failureBefore ? {} : { failure: failureOf(stats) };
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    // A close or reset after PING is a sign of TLS, silence after PING is not; silence after TLS begins is a sign of a Redis without TLS.
    const isBroken = socket.writableEnded || socket.errored !== null;
    const mayDiffer = isRedis(service) && stats.handshake.count > handshakesBefore && (socket.bytesRead === 0 || wasClosed(error)) && (tls || isBroken);
    const differs = mayDiffer ? await lookForTls(tunnel) : undefined;
    if (differs) return noted(tunnel, differs, stats);
    // The tunnel knows better why a connection broke; only the probe knows what a service said, or that it is silent.
    if (stats.lastFailure !== failureBefore) return { failure: failureOf(stats) };
    return noted(tunnel, error, stats);
  } finally {
    // A service that has said nothing can't be relied on to close a connection that we only end.
    if (!socket.destroyed) resetSocket(socket);
  }
}

/**
 * The result of a probe by TLS, or sooner the finding that the service speaks no TLS: silence is looked into. A slow
 * service that does speak TLS gets its full time.
 */
async function orPlain(
  asked: Promise<ProbeResult>,
  from: { readonly tunnel: Tunnel; readonly socket: net.Socket; readonly evidence: Promise<void> },
): Promise<ProbeResult | TunnelError> {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const plain = new Promise<TunnelError>((resolve) => {
    const look = async (): Promise<void> => {
      const differs = from.socket.bytesRead === 0 ? await lookForTls(from.tunnel) : undefined;
      if (differs) resolve(differs);
    };
    // The service has not been asked before the far side has proved the key.
    void from.evidence.then(() => {
      if (!isOver) timer = setTimeout(() => void look(), TLS_SILENCE_MS);
    });
  });
  return await Promise.race([asked, plain]).finally(() => {
    isOver = true;
    clearTimeout(timer);
  });
}

function connect(tunnel: Tunnel): net.Socket {
  const socket = net.connect(reachable(tunnel.listen));
  socket.on("error", () => {});
  return socket;
}

/** Notes a failure, unless the tunnel has changed meanwhile. */
function noted(tunnel: Tunnel, failure: TunnelError, stats: RouteStats): Probed {
  if (tunnel.isOpen && tunnel.stats === stats) tunnel.note(failure);
  return { failure };
}

/** Makes one more connection to a Redis that didn't answer as its entry says: returns what is different if the difference is TLS. */
async function lookForTls(tunnel: Tunnel): Promise<TunnelError | undefined> {
  const socket = connect(tunnel);
  try {
    if (!tunnel.plan.tls) {
      const start = await startTls(socket, SERVICE_TIMEOUT_MS);
      return start.is === "secured" || start.is === "refused" ? speaksTls() : undefined;
    }
    await probe(socket, { service: "redis", timeoutMs: SERVICE_TIMEOUT_MS });
    return speaksNoTls("redis");
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return error.code === "BACKEND_BLOCKED" ? error : undefined;
  } finally {
    await leave(socket);
  }
}

/** Ends an extra connection and briefly waits for the service to end it too: what the service says after a failure was noted would look like a recovery. */
async function leave(socket: net.Socket): Promise<void> {
  if (!socket.destroyed && !socket.readableEnded) {
    const ended = new Promise<void>((resolve) => {
      socket.once("end", resolve);
      socket.once("close", resolve);
    });
    socket.end();
    await withinTime(ended, { timeoutMs: LEAVE_MS, late: () => new Error("the service keeps the connection") }).catch(() => {});
  }
  resetSocket(socket);
}

function adviceOn(result: ProbeResult, tls: boolean | undefined): Probed {
  return result.tls?.isDemanded && !tls ? { advice: `the database takes no client without TLS: ${formatMessage(SET_TLS)}` } : {};
}

function failureOf({ lastFailure }: RouteStats): TunnelError {
  if (!lastFailure) throw new RangeError("it has just failed");
  return new TunnelError(lastFailure.code, saidBy(lastFailure));
}
