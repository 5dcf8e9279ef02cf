/** Diagnoses one far side while everything on our own side is well. It is quick where that only shortens waits. */
import { readFileSync } from "node:fs";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { selectSuite } from "../../../daemon/crypto/select-suite.ts";
import { diagnose } from "../../../daemon/diagnosis/diagnose.ts";
import type { DiagnosisReport } from "../../../daemon/diagnosis/report.ts";
import type { DiagnosisContext, DiagnosisPlan, Subject } from "../../../daemon/diagnosis/subject.ts";
import type { Timings } from "../../../daemon/diagnosis/timings.ts";
import { sharedKey } from "../../../daemon/protocol/keys.ts";
import { parseAddress } from "../../../shared/address.ts";
import { systemClock } from "../../../shared/time.ts";

const suite = selectSuite(undefined);

/** The limit for events that are sure to come: no test waits this long. */
const PATIENT_MS = 120_000;

/** Waits that always run to their end are short. Waits that an event ends are long; a test that lets one run to its end says so. */
export const QUICK: Partial<Timings> = {
  hintMs: 1_500,
  holdMs: 200,
  longHoldMs: 700,
  strangerMs: 400,
  turnedAwayMs: PATIENT_MS,
  serviceMs: PATIENT_MS,
  lingerMs: 500,
};

/** For a far end that speaks the native wire and says so however busy the machine is. */
export const NATIVE: Partial<Timings> = { ...QUICK, hintMs: PATIENT_MS };

/** A connection that the far end closes after a while does not count as its own refusal, however busy the machine is. */
export const NO_REFUSAL: Partial<Timings> = { ...QUICK, turnedAwayMs: 0 };

/** For a service that never sends, or never completes, the words by which it would be recognised. */
export const SILENT: Partial<Timings> = { ...QUICK, serviceMs: 2_500 };

/** What a test sets of the tunnel. */
export interface Wanted extends Partial<Omit<DiagnosisPlan, "target" | "keys">> {
  readonly target: string;
  /** Key file; default: some key. */
  readonly key?: string | undefined;
}

/** A subject and a context around `wanted`. */
export function setUp(
  wanted: Wanted,
  more: { readonly subject?: Partial<Subject> | undefined; readonly context?: Partial<DiagnosisContext> | undefined } = {},
): { readonly subject: Subject; readonly context: DiagnosisContext; readonly plan: DiagnosisPlan } {
  const { target, key, ...rest } = wanted;
  const plan: DiagnosisPlan = {
    role: "client",
    service: "tcp",
    listen: { kind: "tcp", host: "127.0.0.1", port: 0 },
    bind: undefined,
    forwardSecrecy: "require",
    timeoutMs: PATIENT_MS,
    ...rest,
    target: parseAddress(target),
    keys: [sharedKey(suite, key === undefined ? new Uint8Array(32) : readFileSync(key))],
  };
  const well = (): undefined => undefined;
  return {
    plan,
    subject: {
      name: "cache",
      role: plan.role,
      service: plan.service,
      target,
      config: well,
      approval: well,
      key: well,
      listen: well,
      plan: () => plan,
      beyondLoopback: false,
      sameKey: [],
      verifiedBefore: false,
      ...more.subject,
    },
    context: {
      suite,
      random: systemRandom,
      clock: systemClock,
      signal: new AbortController().signal,
      onProgress: () => {},
      timings: QUICK,
      ...more.context,
    },
  };
}

/** Diagnoses the tunnel. */
export function diagnoseAt(wanted: Wanted, more: Parameters<typeof setUp>[1] = {}): Promise<DiagnosisReport> {
  const { subject, context } = setUp(wanted, more);
  return diagnose(subject, context);
}

/** `stage:true`, `stage:CODE` or `stage:null`, for the stages from `dial` on. */
export function outcomes(report: DiagnosisReport): string {
  const stages = report.stages.slice(report.stages.findIndex(({ stage }) => stage === "dial"));
  return stages.map(({ stage, ok, code }) => `${stage}:${ok === false ? code : ok}`).join(" ");
}
