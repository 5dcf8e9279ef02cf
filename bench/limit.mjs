/**
 * A time limit on waiting. It is no verdict on speed, and is far above what any contender needs: it turns a connection
 * that hangs into a sentence instead of a bench that never ends.
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
