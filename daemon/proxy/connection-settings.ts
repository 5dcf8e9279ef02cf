/**
 * The settings that all connections of a listener share, whichever route they
 * take.
 */

import type { Clock } from "../../shared/time.ts";
import type { DhPairs } from "../crypto/dh-pairs.ts";
import { nobleNoiseSuite } from "../crypto/noble-noise.ts";
import { nodeNoiseSuite } from "../crypto/node-noise.ts";
import type { NoiseSuite } from "../crypto/noise-suite.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import { NAME_BYTES } from "../protocol/native-hello.ts";
import type { Role } from "../protocol/wire.ts";
import type { Generations } from "./generations.ts";

/** Settings shared by all connections of a listener. */
export interface ConnectionSettings {
  readonly role: Role;
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly forwardSecrecy: ForwardSecrecy;
  /** Time limit for each target address, and for the look-up before it. */
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly keepAlive: boolean;
  /** What the native wire needs; left out: only spiped's is spoken. */
  readonly native?: NativeSettings | undefined;
  /** Key pairs for spiped's handshakes; left out: each makes its own. */
  readonly pairs?: DhPairs | undefined;
}

/** What the native wire needs of its process. */
export interface NativeSettings {
  readonly noise: NoiseSuite;
  /** Names this process to far ends, 16 random bytes. */
  readonly instance: Uint8Array;
  /** Left out: no process was here before, and none will come after. */
  readonly generations?: Generations | undefined;
}

/** The native wire of a process, with the primitives of the same kind as the suite's. */
export function nativeSettings(suite: CipherSuite, random: RandomSource, generations?: Generations): NativeSettings {
  return { noise: suite.name === "node" ? nodeNoiseSuite : nobleNoiseSuite, instance: random(NAME_BYTES), generations };
}

/** What a listener's owner decides. */
export interface SettingsChoice extends Pick<ConnectionSettings, "role" | "forwardSecrecy" | "keepAlive"> {
  /** The time limit of a connect, and of a handshake. */
  readonly timeoutMs: number;
}

/** The settings of a listener, from its owner's choice. */
export function connectionSettings(
  { role, forwardSecrecy, keepAlive, timeoutMs }: SettingsChoice,
  { suite, random, clock, native, pairs }: Pick<ConnectionSettings, "suite" | "random" | "clock" | "native" | "pairs">,
): ConnectionSettings {
  return { role, suite, random, clock, native, pairs, forwardSecrecy, connectTimeoutMs: timeoutMs, handshakeTimeoutMs: timeoutMs, keepAlive };
}
