/** Types of picture.mjs for the tests. */

/** The pictures as text, by theme. */
export function pictures(run: {
  readonly metrics: readonly { readonly id: string; readonly toSpiped: Readonly<Record<string, { readonly median: number }>> }[];
  readonly environment: { readonly processor: string; readonly processors: number; readonly node: string; readonly spiped: string };
  readonly date: string;
}): Readonly<Record<"light" | "dark", string>>;
