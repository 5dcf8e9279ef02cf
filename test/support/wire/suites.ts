/** The two suites for every test of crypto/ and protocol/, each with itself and with the other. */
import { nobleNoiseSuite } from "../../../daemon/crypto/noble-noise.ts";
import { nobleSuite } from "../../../daemon/crypto/noble-suite.ts";
import { nodeNoiseSuite } from "../../../daemon/crypto/node-noise.ts";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";

export const SUITES: readonly CipherSuite[] = [nodeSuite, nobleSuite];

/** Every pair of suites for two ends. */
export const SUITE_PAIRS: readonly (readonly [CipherSuite, CipherSuite])[] = SUITES.flatMap((one) => SUITES.map((other) => [one, other] as const));

/** The two suites of the native wire, and every pair of them. */
export const NOISE_SUITES: readonly NoiseSuite[] = [nodeNoiseSuite, nobleNoiseSuite];
export const NOISE_SUITE_PAIRS: readonly (readonly [NoiseSuite, NoiseSuite])[] = NOISE_SUITES.flatMap((one) =>
  NOISE_SUITES.map((other) => [one, other] as const),
);
