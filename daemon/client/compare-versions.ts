/**
 * Which of two builds is newer. Versions are `major.minor.patch`; anything behind
 * a dash is ignored, and a version that can't be read is never newer.
 */

/** Whether `a` is newer than `b`. */
export function isNewer(a: string, b: string): boolean {
  const [left, right] = [parts(a), parts(b)];
  if (!left || !right) return false;
  for (let index = 0; index < left.length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function parts(version: string): readonly number[] | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match?.slice(1).map(Number);
}
