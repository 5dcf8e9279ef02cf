/**
 * The known name nearest to a mistyped one. Optimal string alignment: insert,
 * delete, replace, and swap of neighbours cost 1 each (Damerau 1964, restricted).
 * Pure.
 */

/** Our choice: longer names are not looked at; no known name is nearly this long. */
const MAX_LENGTH = 64;

/** The candidate nearest to `name`, letter case aside; undefined when none is near. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > MAX_LENGTH) return undefined;
  const wanted = name.toLowerCase();
  const most = Math.max(1, Math.floor(wanted.length * 0.4));
  let best: string | undefined;
  let bestDistance = most + 1;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const begins = wanted.length >= 3 && (other.startsWith(wanted) || wanted.startsWith(other));
    const distance = Math.min(begins ? 1 : Number.POSITIVE_INFINITY, editDistance(wanted, other));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Number of edits between two strings, in UTF-16 units. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
