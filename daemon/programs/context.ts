/**
 * What every command is given: the outside world, so that nothing below main.ts
 * reaches for it by itself. Types only: a command that asks the daemon must not
 * pay for the cryptography.
 */
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { Clock } from "../proxy/stats.ts";

/** The parts of the machine every command may use. */
export interface ProgramContext {
  /** The name the program was called by: what its lines on standard error begin with. */
  readonly name: string;
  /** How to run this same command again: arguments for the Node executable. */
  readonly selfArgv: readonly string[];
  readonly clock: Clock;
}

/** For commands that handle keys. */
export interface CommandContext extends ProgramContext {
  /** Made on first use: the known-answer check costs a moment that --help need not pay. */
  readonly suite: () => CipherSuite;
  readonly random: RandomSource;
}
