/**
 * Who listens where a server entry wants to listen. A far end that holds one of
 * the entry's own keys is what the entry is for (`tunneld serve`, or a spiped that
 * does the same), and is not in its way. Only the key can tell.
 */

import { TunnelError } from "../../shared/errors.ts";
import { nativeSettings } from "../proxy/connection-settings.ts";
import { dial } from "../proxy/dial.ts";
import { reachable } from "../tunnels/listen-address.ts";
import { askService } from "./ask-service.ts";
import { attempt } from "./attempt.ts";
import type { DiagnosisContext, DiagnosisPlan } from "./subject.ts";
import { DEFAULT_TIMINGS } from "./timings.ts";

/** What this needs from outside. */
export type ListenerContext = Pick<DiagnosisContext, "suite" | "random" | "clock" | "signal">;

/**
 * Shakes hands with the program that listens there, with one key after another; true once a key is proved.
 * @throws the signal's reason
 */
export async function holdsOurKey(plan: DiagnosisPlan, context: ListenerContext): Promise<boolean> {
  for (const key of plan.keys) {
    if (await proves(key, plan, context)) return true;
  }
  return false;
}

async function proves(key: DiagnosisPlan["keys"][number], { listen, service, timeoutMs }: DiagnosisPlan, context: ListenerContext): Promise<boolean> {
  const { clock, signal } = context;
  const startMs = clock.monotonicMs();
  const socket = await dial({ addresses: [reachable(listen)], timeoutMs, signal }).then(
    (dialled) => dialled.socket,
    (error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof TunnelError)) throw error;
      return undefined;
    },
  );
  if (!socket) return false;
  const timings = DEFAULT_TIMINGS;
  const sighting = await attempt(socket, {
    ...context,
    key,
    // Offers forward secrecy, and accepts a far end without it: who listens does not depend on forward secrecy.
    forwardSecrecy: "prefer",
    holdMs: () => 0,
    dialMs: clock.monotonicMs() - startMs,
    native: nativeSettings(context.suite, context.random),
    nonceLimitMs: timeoutMs,
    handshakeMs: timeoutMs,
    lingerMs: timings.lingerMs,
    reached: () => {},
    // A proof makes the far end dial its backend, and MySQL counts a connection that just closes as an error of its host.
    ask: (stream, roundTripMs) =>
      service === "mysql" ? askService(stream, { service, timings, roundTripMs, clock, signal }) : Promise.resolve({ seen: "open", openMs: 0 }),
  });
  return sighting.at === "proved" || sighting.at === "told";
}
