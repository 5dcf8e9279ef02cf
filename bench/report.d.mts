/** Types of report.mjs for the tests. */

/** What an aim has come to. */
export interface Judged {
  readonly label: string;
  readonly value: string;
  readonly aim: string;
  readonly reached: boolean;
}

/** Judges the aims whose metrics were measured. */
export function judgeAims(metrics: readonly Readonly<Record<string, unknown>>[]): readonly Judged[];
