/**
 * Where randomness comes from: the operating system's generator through
 * node:crypto. Passed as an argument to whatever needs it, so that tests can
 * supply their own bytes.
 */
import { randomFillSync } from "node:crypto";

/** Gives `bytes` fresh random bytes. */
export type RandomSource = (bytes: number) => Uint8Array;

/** Cryptographically strong bytes of the operating system. */
export const systemRandom: RandomSource = (bytes) => randomFillSync(new Uint8Array(bytes));
