/** The stable code of a failure. Any other error than a TunnelError, or no failure at all, fails the test. */
import assert from "node:assert/strict";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";

export function codeOf(run: () => unknown): ErrorCode {
  return errorOf(run).code;
}

export function errorOf(run: () => unknown): TunnelError {
  try {
    run();
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
  return assert.fail("nothing was thrown");
}

export async function rejectionOf(promise: Promise<unknown>): Promise<TunnelError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
  return assert.fail("the promise was fulfilled");
}
