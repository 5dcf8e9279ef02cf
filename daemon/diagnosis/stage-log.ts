/** The stages of one diagnosis as they go by: what each came to, and who is told meanwhile. */

import type { ErrorCode } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Clock } from "../proxy/stats.ts";
import { STAGES, type StageName, type StageReport } from "./report.ts";

/** A stage has begun, or has come to something. */
export type Progress = { readonly at: "begun"; readonly stage: StageName } | { readonly at: "ended"; readonly report: StageReport };

/** What a stage came to, beside its time. */
export interface Outcome {
  readonly ok: boolean | null;
  readonly ms: number;
  readonly code?: ErrorCode | undefined;
  readonly detail?: string | undefined;
}

/** See the file's header. */
export class StageLog {
  readonly #clock: Clock;
  readonly #onProgress: (progress: Progress) => void;
  readonly #reports = new Map<StageName, StageReport>();

  constructor(clock: Clock, onProgress: (progress: Progress) => void) {
    this.#clock = clock;
    this.#onProgress = onProgress;
  }

  /** A stage begins; calls the function it gives back for the time since. */
  begin(stage: StageName): () => number {
    const startMs = this.#clock.monotonicMs();
    this.#onProgress({ at: "begun", stage });
    return () => this.#clock.monotonicMs() - startMs;
  }

  /** A stage has come to something. */
  end(stage: StageName, { ok, ms, code, detail }: Outcome): void {
    const report: StageReport = {
      stage,
      ok,
      ms: tenths(ms),
      ...(code !== undefined && { code }),
      ...(detail !== undefined && { detail: plainText(detail) }),
    };
    this.#reports.set(stage, report);
    this.#onProgress({ at: "ended", report });
  }

  /** All stages in their order; those nobody spoke of were not reached. */
  all(): StageReport[] {
    return STAGES.map((stage) => this.#reports.get(stage) ?? { stage, ok: null, ms: 0 });
  }
}

/** Milliseconds as they are shown: to a tenth. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
