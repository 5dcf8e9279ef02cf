/** The stages of one diagnosis: records the result of each, and reports progress meanwhile. */

import type { ErrorCode } from "../../shared/errors.ts";
import { type Message, type MessageArgument, textOf } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Clock } from "../../shared/time.ts";
import { type Conclusion, STAGES, type StageName, type StageReport } from "./report.ts";

/** A stage has begun or ended. */
export type Progress = { readonly at: "begun"; readonly stage: StageName } | { readonly at: "ended"; readonly report: StageReport };

/** How a stage ended. */
export interface Outcome {
  readonly ok: boolean | null;
  readonly ms: number;
  readonly detail?: MessageArgument | undefined;
}

interface Noted extends Outcome {
  readonly code?: ErrorCode | undefined;
  /** What `detail` says, as a window says it in its own language. */
  readonly reason: Message | undefined;
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

  /** A stage begins; the function that this returns gives the time since. */
  begin(stage: StageName): () => number {
    const startMs = this.#clock.monotonicMs();
    this.#onProgress({ at: "begun", stage });
    return () => this.#clock.monotonicMs() - startMs;
  }

  /** A stage has come to something. */
  end(stage: StageName, outcome: Outcome): void {
    this.#note(stage, { ...outcome, reason: typeof outcome.detail === "object" ? outcome.detail : undefined });
  }

  /** A stage has failed, with this verdict. */
  fail(stage: StageName, ms: number, { code, cause, causeReason }: Conclusion): void {
    this.#note(stage, { ok: false, ms, code: code ?? undefined, detail: cause, reason: causeReason });
  }

  /** All stages in their order; those without a report were not reached. */
  all(): StageReport[] {
    return STAGES.map((stage) => this.#reports.get(stage) ?? { stage, ok: null, ms: 0 });
  }

  #note(stage: StageName, { ok, ms, code, detail, reason }: Noted): void {
    const report: StageReport = {
      stage,
      ok,
      ms: tenths(ms),
      ...(code !== undefined && { code }),
      ...(detail !== undefined && { detail: plainText(textOf(detail)) }),
      ...(reason !== undefined && { detailReason: reason }),
    };
    this.#reports.set(stage, report);
    this.#onProgress({ at: "ended", report });
  }
}

/** Milliseconds as they are shown: to a tenth. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
