/**
 * The stages of a server tunnel on the network: its own target, asked directly.
 * Whether others can reach its listener can't be known from inside, so a good
 * result is never certain.
 */
import type { Socket } from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { message, NOTHING } from "../../shared/message.ts";
import { type AskOptions, askService, lookForTls, mayDifferInTls } from "./ask-service.ts";
import type { ClientWork } from "./client-role.ts";
import { logService } from "./handshake-stages.ts";
import { plainLink } from "./link.ts";
import { connectAgain, deadAddresses, reachTarget } from "./reach.ts";
import type { Conclusion, Findings, Warning } from "./report.ts";
import { ServiceStream } from "./service-stream.ts";
import { judgeService, warningsAbout } from "./service-verdict.ts";

/** Runs the stages from `resolve` on. @throws the signal's reason */
export async function diagnoseServer(work: ClientWork): Promise<Findings> {
  const { plan, context, timings, log } = work;
  const reached = await reachTarget(plan, context, log);
  if (!reached.connected) return reached.findings;
  const { socket, ms } = reached.connected;
  log.begin("backend");
  const { clock, signal } = context;
  const options = { service: plan.service, tls: plan.tls, timings, roundTripMs: ms, clock, signal };
  let service = await over(socket, askService, options);
  if (mayDifferInTls(service, plan)) {
    const again = await connectAgain(reached.connected, plan, context);
    service = ("socket" in again ? await over(again.socket, lookForTls, options) : undefined) ?? service;
  }
  const judged = judgeService(service, { service: plan.service, where: message("at {0}", formatAddress(plan.target)), isTunnel: false });
  const conclusion = judged.code === null ? { ...judged, certain: false, ...withUnknown(judged) } : judged;
  logService(log, service, conclusion);
  const addresses = await reached.addresses;
  const warnings: Warning[] = [...deadAddresses(addresses), ...warningsAbout(service, plan)];
  return { conclusion, addresses, roundTrips: { dialMs: ms, ...("ms" in service && { backendMs: service.ms }) }, warnings };
}

function withUnknown({ cause, causeReason = NOTHING }: Conclusion): Pick<Conclusion, "cause" | "causeReason"> {
  const unknown = "whether other machines can reach the listener can't be known from here.";
  return {
    cause: `${cause.replace(/\.$/, "")}; ${unknown}`,
    causeReason: message("{0} Whether other machines can reach the listener can't be known from here.", causeReason),
  };
}

/** Asks over a connection, which it ends. */
async function over<Seen>(socket: Socket, ask: (stream: ServiceStream, options: AskOptions) => Promise<Seen>, options: AskOptions): Promise<Seen> {
  const { lingerMs } = options.timings;
  const stream = new ServiceStream({ link: plainLink(socket), lingerMs });
  try {
    const seen = await ask(stream, options);
    await stream.finish();
    return seen;
  } finally {
    stream.destroy();
  }
}
