/**
 * `tunnel/diagnose`: one tunnel, looked at stage by stage, with progress for the
 * client that asked. Given up when that client goes away.
 */
import type { NotificationParams, Params, Result } from "../../shared/contract/methods.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { diagnose } from "../diagnosis/diagnose.ts";
import { entrySubject } from "../diagnosis/entry-subject.ts";
import { holdsOurKey } from "../diagnosis/own-listener.ts";
import type { Progress } from "../diagnosis/stage-log.ts";
import { wipe } from "../tunnels/plan.ts";
import type { HandlerContext } from "./context.ts";
import type { ClientHandle } from "./session.ts";

/** Handles the request. */
export async function handleDiagnose(
  context: HandlerContext,
  client: ClientHandle,
  { named = false, ...ref }: Params<"tunnel/diagnose">,
): Promise<Result<"tunnel/diagnose">> {
  const { configs, planner, approvals, manager, machine } = context;
  const config = configs.refresh(ref.configPath);
  const abort = new AbortController();
  const { subject, planned } = entrySubject(ref, {
    ...{ config, planner, approvals, tunnels: manager.list(), isOwnSocket: machine.isOwnSocket, isNamed: named },
    holdsOurKey: (plan) => holdsOurKey(plan, { ...machine, signal: abort.signal }),
  });
  client.onGone(() => abort.abort(new Error("the client went away")));
  try {
    const onProgress = (progress: Progress): void => client.notify("diagnosis/progress", told(ref, progress));
    const { stages, addresses, warnings, ...report } = await diagnose(subject, { ...machine, signal: abort.signal, onProgress });
    return { ...report, stages: [...stages], addresses: [...addresses], warnings: [...warnings] };
  } finally {
    const used = await planned();
    if (used) wipe(used.plan);
    if (!manager.uses(ref.configPath)) configs.release(ref.configPath);
  }
}

function told(ref: TunnelRef, progress: Progress): NotificationParams<"diagnosis/progress"> {
  const { configPath, name } = ref;
  return progress.at === "begun"
    ? { configPath, name, stage: progress.stage }
    : { configPath, name, stage: progress.report.stage, report: { ...progress.report } };
}
