/** The two suites every test of crypto/ and protocol/ runs on, alone and across. */
import { nobleSuite } from "../../../daemon/crypto/noble-suite.ts";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";

export const SUITES: readonly CipherSuite[] = [nodeSuite, nobleSuite];

/** Every way to give two ends a suite each. */
export const SUITE_PAIRS: readonly (readonly [CipherSuite, CipherSuite])[] = SUITES.flatMap((one) => SUITES.map((other) => [one, other] as const));
