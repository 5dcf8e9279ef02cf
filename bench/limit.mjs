/**
 * A time limit on waiting. It does not judge speed, and is far above the time that any contender needs: with it a hanging
 * connection gives an error message instead of a bench that never ends.
 */
import { Failure } from "../scripts/lib/failure.mjs";

/** The promise's outcome, or a Failure that names `what` after `limitMs`. */
export async function withLimit(promise, limitMs, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(`${what} got no answer within ${limitMs / 1000} s.`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
