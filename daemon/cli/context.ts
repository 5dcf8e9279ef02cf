/**
 * What every command is given: the outside world, so that nothing below main.ts
 * reaches for it by itself.
 */
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { Clock } from "../proxy/stats.ts";

/** The parts of the machine a command may use. */
export interface CommandContext {
  /** The name the program was called by: what its lines on standard error begin with. */
  readonly name: string;
  /** How to run this same command again: arguments for the Node executable. */
  readonly selfArgv: readonly string[];
  /** Made on first use: the known-answer check costs a moment that --help need not pay. */
  readonly suite: () => CipherSuite;
  readonly random: RandomSource;
  readonly clock: Clock;
}
