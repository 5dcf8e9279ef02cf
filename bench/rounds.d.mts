/** Types of rounds.mjs for the tests. */

/** Joins a measure's samples with the descriptions of its metrics. */
export function summarize(
  metrics: readonly { readonly id: string }[],
  samples: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>,
): readonly {
  readonly id: string;
  readonly medians: Readonly<Record<string, number>>;
  readonly toSpiped: Readonly<Record<string, { readonly median: number; readonly lowest: number; readonly highest: number }>>;
}[];
