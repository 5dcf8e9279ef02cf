/**
 * Finds out why a tunnel doesn't work, stage by stage, and says so with a code, a
 * cause and a cure; never more certain than what was seen allows. Makes as few
 * connections as it can, asks a service only when the key is proved, and opens
 * no tunnel.
 *
 *     config ► approval ► key ► listen ► resolve ► dial ► nonce ► key-proof ► forward-secrecy ► backend ► service
 *      └─────── the caller's ───────┘    server role:  └──────────────────────────────────────► backend ► service
 */

import { isKeyFileFault, TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import { diagnoseClient } from "./client-role.ts";
import { judgeLocal } from "./local-verdict.ts";
import type { Conclusion, DiagnosisReport, Findings, Warning } from "./report.ts";
import { diagnoseServer } from "./server-role.ts";
import { StageLog, tenths } from "./stage-log.ts";
import { type DiagnosisContext, type Subject, UNKNOWN } from "./subject.ts";
import { DEFAULT_TIMINGS } from "./timings.ts";
import { advice } from "./words.ts";

/**
 * Diagnoses one tunnel. A fault is a result and not an error.
 * @throws the signal's reason when given up, and what is no TunnelError from the caller's checks
 */
export async function diagnose(subject: Subject, context: DiagnosisContext): Promise<DiagnosisReport> {
  const log = new StageLog(context.clock, context.onProgress);
  const local = await checkLocally(subject, context, log);
  if (local && local.stage !== "listen") return report(subject, log, { conclusion: local, addresses: [], roundTrips: {}, warnings: [] });
  let findings: Findings;
  const planned = await planOf(subject);
  if ("conclusion" in planned) {
    findings = planned;
    log.fail(planned.conclusion.stage ?? "config", 0, planned.conclusion);
  } else {
    const work = { subject, plan: planned, context, log, timings: { ...DEFAULT_TIMINGS, ...context.timings } };
    findings = await (planned.role === "client" ? diagnoseClient(work) : diagnoseServer(work));
  }
  // A busy port comes first in the report, but what was found out about the far side is kept.
  return report(subject, log, local ? { ...findings, conclusion: local } : findings);
}

/** Runs the caller's stages and returns the first failure. Without configuration, approval or key nothing is sent out; with a busy port it still is. */
async function checkLocally(subject: Subject, context: DiagnosisContext, log: StageLog): Promise<Conclusion | undefined> {
  for (const stage of ["config", "approval", "key", "listen"] as const) {
    context.signal.throwIfAborted();
    const time = log.begin(stage);
    try {
      const detail = await subject[stage]();
      log.end(stage, detail === UNKNOWN ? { ok: null, ms: time() } : { ok: true, ms: time(), detail });
    } catch (error) {
      const conclusion = judgeLocal(stage, error, stage === "config" ? subject.configCure : undefined);
      log.fail(stage, time(), conclusion);
      return conclusion;
    }
  }
  return undefined;
}

async function planOf(subject: Subject): Promise<Awaited<ReturnType<Subject["plan"]>> | Findings> {
  try {
    return await subject.plan();
  } catch (error) {
    const isKey = error instanceof TunnelError && isKeyFileFault(error.code);
    return { conclusion: judgeLocal(isKey ? "key" : "config", error), addresses: [], roundTrips: {}, warnings: [] };
  }
}

function report(subject: Subject, log: StageLog, { conclusion, addresses, roundTrips, warnings }: Findings): DiagnosisReport {
  const { code, certain, cause, causeReason, cure, cureReason } = conclusion;
  return {
    name: subject.name,
    role: subject.role,
    service: subject.service,
    target: plainText(subject.target),
    code,
    certain,
    cause: plainText(cause),
    ...(causeReason !== undefined && { causeReason }),
    cure: plainText(cure),
    ...(cureReason !== undefined && { cureReason }),
    stages: log.all(),
    addresses: addresses.map((address) => ({
      ...address,
      ms: tenths(address.ms),
      ...(address.detail !== undefined && { detail: plainText(address.detail) }),
    })),
    roundTrips: Object.fromEntries(Object.entries(roundTrips).map(([what, ms]) => [what, tenths(ms)])),
    warnings: [...localWarnings(subject), ...warnings],
  };
}

/** Advice on the entry itself. */
function localWarnings({ role, sameKey, beyondLoopback }: Subject): Warning[] {
  const warnings: Warning[] = [];
  if (sameKey.length > 0) {
    const others = sameKey.map((name) => plainText(name, { maxLength: 64 })).join(", ");
    const text = message("The same key is used for another target ({0}): whoever holds it can stand in for either. Give each target its own.", others);
    warnings.push(advice("same-key", text));
  }
  // A server is meant to be reached from elsewhere.
  if (role === "client" && beyondLoopback) {
    const text = message("Other machines can connect to where this tunnel listens, and are let in without a key. Listen at 127.0.0.1 if that isn't meant.");
    warnings.push(advice("beyond-loopback", text));
  }
  return warnings;
}
