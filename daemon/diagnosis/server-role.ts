/**
 * The stages of a server tunnel on the network: its own target, asked directly.
 * Whether others can reach its listener can't be known from inside, so that all
 * is well is never certain.
 */

import { formatAddress } from "../../shared/address.ts";
import type { Channel } from "../protocol/wire.ts";
import { askService } from "./ask-service.ts";
import type { ClientWork } from "./client-role.ts";
import type { Findings } from "./findings.ts";
import { logService } from "./handshake-stages.ts";
import { deadAddresses, reachTarget } from "./reach.ts";
import type { Warning } from "./report.ts";
import { ServiceStream } from "./service-stream.ts";
import { judgeService } from "./service-verdict.ts";
import type { ServiceSighting } from "./sighting.ts";

/** Plain text as it is. */
const PLAIN: Channel = { seal: (plain) => plain, open: (sealed) => sealed, pendingBytes: 0, wipe: () => {} };

/** Runs the stages from `resolve` on. @throws the signal's reason */
export async function diagnoseServer(work: ClientWork): Promise<Findings> {
  const { plan, context, timings, log } = work;
  const reached = await reachTarget(plan, context, log);
  if (!reached.connected) return reached.findings;
  const { socket, ms } = reached.connected;
  log.begin("backend");
  const stream = new ServiceStream({ socket, channel: PLAIN, rest: new Uint8Array(0), ending: undefined, lingerMs: timings.lingerMs });
  let service: ServiceSighting;
  try {
    const { clock, signal } = context;
    service = await askService(stream, { service: plan.service, timings, roundTripMs: ms, clock, signal });
    await stream.finish();
  } finally {
    stream.destroy();
  }
  const judged = judgeService(service, { service: plan.service, where: `at ${formatAddress(plan.target)}`, isTunnel: false });
  const unknown = "whether other machines can reach the listener can't be known from here.";
  const conclusion = judged.code === null ? { ...judged, certain: false, cause: `${judged.cause.replace(/\.$/, "")}; ${unknown}` } : judged;
  logService(log, service, conclusion);
  const addresses = await reached.addresses;
  const warnings: Warning[] = deadAddresses(addresses);
  return { conclusion, addresses, roundTrips: { dialMs: ms, ...("ms" in service && { backendMs: service.ms }) }, warnings };
}
