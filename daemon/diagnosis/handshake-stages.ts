/** Logs the stages from `nonce` on, from a sighting and its verdict. */
import { message } from "../../shared/message.ts";
import type { Conclusion, StageName } from "./report.ts";
import type { ServiceSighting, Sighting } from "./sighting.ts";
import type { Outcome, StageLog } from "./stage-log.ts";

/** Ends every stage a client tunnel reached. */
export function logHandshake(log: StageLog, sighting: Sighting, conclusion: Conclusion): void {
  const end = (stage: StageName, outcome: Outcome): void => endStage(log, conclusion, stage, outcome);
  // The first connection was made, but connecting once more failed.
  if (conclusion.stage === "dial") end("dial", { ok: false, ms: 0 });
  const nonceMs = "nonceMs" in sighting ? sighting.nonceMs : 0;
  const isNative = sighting.at === "cut" || sighting.at === "told" || (sighting.at === "proved" && sighting.wire === "native");
  end("nonce", { ok: "nonceMs" in sighting ? true : null, ms: nonceMs, ...(isNative && { detail: message("the far side speaks the native wire") }) });
  const isProved = sighting.at === "proved" || sighting.at === "told" || (sighting.at === "refuted" && conclusion.stage === "forward-secrecy");
  const proofMs = "proofMs" in sighting ? sighting.proofMs : "waitedMs" in sighting ? sighting.waitedMs : 0;
  end("key-proof", { ok: isProved ? true : null, ms: proofMs, ...(isProved && { detail: message("the far side holds the same key") }) });
  if (sighting.at === "told") {
    end("forward-secrecy", { ok: true, ms: 0, detail: message("in effect") });
    end("backend", { ok: null, ms: 0 });
    return;
  }
  if (sighting.at !== "proved") {
    if (conclusion.stage === "forward-secrecy" || conclusion.stage === "backend") end(conclusion.stage, { ok: null, ms: 0 });
    return;
  }
  end("forward-secrecy", { ok: true, ms: 0, detail: sighting.forwardSecret ? message("in effect") : message("not in effect, and not required") });
  if (conclusion.stage !== "forward-secrecy") logService(log, sighting.service, conclusion);
}

/** Ends `backend` and `service`. */
export function logService(log: StageLog, service: ServiceSighting, conclusion: Conclusion): void {
  const ms = "ms" in service ? service.ms : 0;
  const end = (stage: StageName, outcome: Outcome): void => endStage(log, conclusion, stage, outcome);
  switch (service.seen) {
    case "answered":
      end("backend", { ok: true, ms, detail: service.what });
      end("service", { ok: true, ms });
      return;
    case "other":
    case "tls":
    case "unfinished":
    case "refused":
      end("backend", { ok: true, ms, detail: message("something answers") });
      end("service", { ok: null, ms });
      return;
    case "open":
      end("backend", { ok: null, ms: service.openMs, detail: message("the connection stayed open; whether anything answers can't be told") });
      return;
    case "closed":
    case "silent":
    case "fault":
      end("backend", { ok: null, ms: service.seen === "fault" ? 0 : service.waitedMs });
  }
}

/** The stage that the verdict falls on has failed, whatever else was seen of it. */
function endStage(log: StageLog, conclusion: Conclusion, stage: StageName, outcome: Outcome): void {
  if (conclusion.stage === stage && conclusion.code !== null) log.fail(stage, outcome.ms, conclusion);
  else if (outcome.ok !== null || outcome.detail !== undefined) log.end(stage, outcome);
}
