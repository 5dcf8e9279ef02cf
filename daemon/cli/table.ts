/**
 * Columns for people. Cells are plain text already; a style is put around a cell
 * after it has been padded, so that escape sequences don't count.
 */

/** A cell, and how it is shown. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** Lines of `rows` in columns two spaces apart; the last column is not padded. */
export function table(rows: readonly (readonly Cell[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [column, { text }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  return rows.map((row) => row.map((cell, column) => shown(cell, column === row.length - 1 ? 0 : (widths[column] ?? 0))).join("  "));
}

function shown({ text, paint }: Cell, width: number): string {
  return (paint ? paint(text) : text) + " ".repeat(Math.max(0, width - text.length));
}

/** How long ago, roughly: `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `9 d ago`. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - atMs) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}
