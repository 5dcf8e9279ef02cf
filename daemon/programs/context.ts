/**
 * What every command gets: the outside world, so that no code below main.ts reads
 * it directly. Types only: a command that asks the daemon must not load the
 * cryptography.
 */

import type { Clock } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";

/** The parts of the machine every command may use. */
export interface ProgramContext {
  /** The name by which the program was called; its lines on standard error begin with this name. */
  readonly name: string;
  /** How to run this same command again: arguments for the Node executable. */
  readonly selfArgv: readonly string[];
  readonly clock: Clock;
}

/** For commands that handle keys. */
export interface CommandContext extends ProgramContext {
  /** Made on first use: --help should not wait for the known-answer check. */
  readonly suite: () => CipherSuite;
  readonly random: RandomSource;
}
