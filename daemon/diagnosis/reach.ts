/** The stages `resolve` and `dial`, the same in both roles. */
import type { Socket } from "node:net";
import { formatAddress } from "../../shared/address.ts";
import type { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { dial } from "../proxy/dial.ts";
import { type Connected, type DialledAll, dialAll, resolveTarget, worstOf } from "./dial-all.ts";
import { judgeLocal } from "./local-verdict.ts";
import type { AddressReport, Findings, Warning } from "./report.ts";
import type { StageLog } from "./stage-log.ts";
import type { DiagnosisContext, DiagnosisPlan } from "./subject.ts";
import { advice } from "./words.ts";

/** A connection, or why there is none. */
export type Reached =
  | (DialledAll & { readonly connected: NonNullable<DialledAll["connected"]> })
  | { readonly connected: undefined; readonly findings: Findings };

/** Looks the target up and connects. @throws the signal's reason */
export async function reachTarget(plan: DiagnosisPlan, context: DiagnosisContext, log: StageLog): Promise<Reached> {
  const { clock, lookup, signal } = context;
  const { timeoutMs, bind } = plan;
  const resolveTime = log.begin("resolve");
  let addresses: Awaited<ReturnType<typeof resolveTarget>>;
  try {
    addresses = await resolveTarget(plan.target, { lookup, timeoutMs, signal });
    log.end("resolve", { ok: true, ms: resolveTime(), detail: addresses.map(formatAddress).join(", ") });
  } catch (error) {
    signal.throwIfAborted();
    return failed("resolve", error, { log, ms: resolveTime(), addresses: [] });
  }
  const dialTime = log.begin("dial");
  const dialled = await dialAll(addresses, { timeoutMs, bind, clock, signal });
  const { connected } = dialled;
  if (!connected) {
    const reports = await dialled.addresses;
    return failed("dial", worstOf(reports), { log, ms: dialTime(), addresses: reports });
  }
  log.end("dial", { ok: true, ms: connected.ms, detail: message("connected to {0}", formatAddress(connected.address)) });
  return { ...dialled, connected };
}

/** Connects to the same address again; returns the error if that fails. @throws the signal's reason */
export async function connectAgain(
  { address }: Pick<Connected, "address">,
  plan: DiagnosisPlan,
  { clock, signal }: DiagnosisContext,
): Promise<{ readonly socket: Socket; readonly ms: number } | TunnelError> {
  const startMs = clock.monotonicMs();
  try {
    const { socket } = await dial({ addresses: [address], timeoutMs: plan.timeoutMs, bind: plan.bind, signal });
    return { socket, ms: clock.monotonicMs() - startMs };
  } catch (error) {
    signal.throwIfAborted();
    return error as TunnelError;
  }
}

function failed(
  stage: "resolve" | "dial",
  error: unknown,
  { log, ms, addresses }: { readonly log: StageLog; readonly ms: number; readonly addresses: readonly AddressReport[] },
): Reached {
  const conclusion = judgeLocal(stage, error);
  log.fail(stage, ms, conclusion);
  return { connected: undefined, findings: { conclusion, addresses, roundTrips: {}, warnings: [] } };
}

/** Advice about addresses that don't answer while another does. */
export function deadAddresses(addresses: readonly AddressReport[]): Warning[] {
  const dead = addresses.filter(({ ok }) => !ok);
  if (dead.length === 0 || dead.length === addresses.length) return [];
  const list = dead.map(({ address, code }) => `${address} (${code ?? "?"})`).join(", ");
  const text = message("The target's name also stands for {0}: connections may be slow to come about until that works, or is gone from the name.", list);
  return [advice("dead-address", text)];
}
