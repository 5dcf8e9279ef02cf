/**
 * A diagnosis while it runs and when it is done: which stage has come to what. The
 * hops of the picture are made from it; several stages can share a hop. Pure.
 */
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import type { NotificationParams } from "../../../shared/contract/methods.ts";
import type { Failure } from "./failure-help.ts";

/** How one stage went, or is going. */
export type StageReport = Diagnosis["stages"][number];

/** What is known of the tunnel before the daemon has said anything. */
export interface RunSubject {
  readonly name: string;
  readonly role: "client" | "server" | undefined;
  readonly listen: string | undefined;
  readonly target: string | undefined;
}

/** How a run ended. */
export type RunEnd =
  | { readonly at: "done"; readonly diagnosis: Diagnosis; readonly madeAt: string }
  | { readonly at: "cancelled" }
  /** There is no diagnosis: the daemon can't be reached, for example. */
  | { readonly at: "broken"; readonly failure: Failure };

/** See the file's header. */
export interface DiagnosisRun {
  readonly subject: RunSubject;
  /** The stages that have ended, by name, in the order in which they ended. */
  readonly reports: ReadonlyMap<string, StageReport>;
  /** The stages that have begun and not ended. */
  readonly begun: ReadonlySet<string>;
  readonly end: RunEnd | undefined;
}

/** A hop of the way from the entry to the service. */
export interface Hop {
  /** The stage that the hop is named after: the one that failed, else the first of the hop. */
  readonly stage: string;
  readonly state: "waiting" | "running" | "ok" | "failed" | "skipped";
  /** When it began, counted from the beginning of the diagnosis, and how long it took. */
  readonly fromMs: number;
  readonly ms: number;
  /** What was seen, in the daemon's words; in a hop that failed, of the stage that did. */
  readonly details: readonly string[];
  /** Whether the verdict of the whole diagnosis is about this hop. */
  readonly isCulprit: boolean;
}

/** Stages that share a hop; the server end makes no connection to another end. */
const CLIENT_HOPS = [
  ["config", "approval"],
  ["key"],
  ["listen"],
  ["resolve"],
  ["dial"],
  ["nonce"],
  ["key-proof", "forward-secrecy"],
  ["service", "backend"],
] as const satisfies readonly (readonly string[])[];
const SERVER_HOPS: readonly (readonly string[])[] = [["config", "approval"], ["key"], ["listen"], ["backend", "service"]];

/** A run that has just begun. */
export function newRun(subject: RunSubject): DiagnosisRun {
  return { subject, reports: new Map(), begun: new Set(), end: undefined };
}

/** The run after a notification of the daemon. */
export function afterProgress(run: DiagnosisRun, { stage, report }: Pick<NotificationParams<"diagnosis/progress">, "stage" | "report">): DiagnosisRun {
  const begun = new Set(run.begun);
  if (!report) return { ...run, begun: begun.add(stage) };
  begun.delete(stage);
  return { ...run, begun, reports: new Map([...run.reports, [stage, report]]) };
}

/** The run after its end. The final record replaces what was reported meanwhile. */
export function afterEnd(run: DiagnosisRun, end: RunEnd): DiagnosisRun {
  const reports = end.at === "done" ? new Map(end.diagnosis.stages.map((report) => [report.stage, report])) : run.reports;
  return { ...run, reports, begun: new Set(), end };
}

/** The hops in the order of the way. */
export function hopsOf(run: DiagnosisRun): readonly Hop[] {
  const known = roleOfRun(run) === "server" ? SERVER_HOPS : CLIENT_HOPS;
  const inHops = new Set([...CLIENT_HOPS, ...SERVER_HOPS].flat());
  // A newer daemon may have more stages: each of them is a hop at the end.
  const others = [...new Set([...run.reports.keys(), ...run.begun])].filter((stage) => !inHops.has(stage)).map((stage) => [stage]);
  const culprit = culpritOf(run);
  let passedMs = 0;
  return [...known, ...others].map((stages) => {
    const hop = hopOf(run, stages, passedMs);
    passedMs += hop.ms;
    return { ...hop, isCulprit: culprit !== undefined && stages.includes(culprit) };
  });
}

/** The role, as far as it is known. */
export function roleOfRun({ subject, end }: DiagnosisRun): "client" | "server" | undefined {
  return end?.at === "done" ? end.diagnosis.role : subject.role;
}

/** The stage that the verdict is about; undefined: there is no failure, or it is about none of the stages. */
function culpritOf({ reports, end }: DiagnosisRun): string | undefined {
  if (end?.at !== "done" || end.diagnosis.code === null) return undefined;
  const failed = [...reports.values()].filter(({ ok }) => ok === false);
  return (failed.find(({ code }) => code === end.diagnosis.code) ?? failed[0])?.stage;
}

function hopOf({ reports, begun, end }: DiagnosisRun, stages: readonly string[], fromMs: number): Omit<Hop, "isCulprit"> {
  const ended = stages.flatMap((stage) => reports.get(stage) ?? []);
  const failed = ended.find(({ ok }) => ok === false);
  const state = failed
    ? "failed"
    : stages.some((stage) => begun.has(stage))
      ? "running"
      : ended.some(({ ok }) => ok === true)
        ? "ok"
        : end || ended.length === stages.length
          ? "skipped"
          : "waiting";
  return {
    stage: failed?.stage ?? stages[0] ?? "",
    state,
    fromMs,
    ms: ended.reduce((sum, { ms }) => sum + ms, 0),
    details: (failed ? [failed] : ended).flatMap(({ detail }) => (detail === undefined || detail === "" ? [] : [detail])),
  };
}
