/**
 * What is diagnosed, and what a diagnosis needs from outside: everything that the
 * engine can't know by itself comes in here, so that the manager, the RPC and a
 * test can each supply their own.
 */

import type { Message, MessageArgument } from "../../shared/message.ts";
import type { Clock } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import type { Lookup } from "../proxy/target.ts";
import type { TunnelPlan } from "../tunnels/plan.ts";
import type { Progress } from "./stage-log.ts";
import type { Timings } from "./timings.ts";

/** The parts of a plan that matter here. */
export type DiagnosisPlan = Pick<
  TunnelPlan,
  "role" | "service" | "tls" | "listen" | "target" | "bind" | "keys" | "keyForms" | "forwardSecrecy" | "wire" | "backend" | "timeoutMs"
>;

/** What a stage returns if it can't be looked at before a later stage is well. */
export const UNKNOWN = Symbol("unknown");

/**
 * A stage that only the caller can look at. Returns what it saw, for people, or nothing.
 * @throws TunnelError with the stage's code, when it failed
 */
export type Check = () => Promise<MessageArgument | typeof UNKNOWN | undefined> | MessageArgument | undefined;

/** One tunnel. */
export interface Subject {
  readonly name: string;
  /** CONFIG_INVALID, when the entry has a fault. */
  readonly config: Check;
  /** The cure for a fault of `config` that is not a fault of the entry. */
  readonly configCure?: Message | undefined;
  /** NOT_APPROVED, when the user has not approved the entry as it is. */
  readonly approval: Check;
  /** KEY_NOT_FOUND, KEY_PERMISSIONS or KEY_WEAK. */
  readonly key: Check;
  /** LISTEN_IN_USE or LISTEN_DENIED; our own open tunnel is no fault. `checkListen` does this check. */
  readonly listen: Check;
  /** The resolved entry; asked for once, when config, approval and key are well. The caller keeps its keys. @throws TunnelError */
  readonly plan: () => Promise<DiagnosisPlan> | DiagnosisPlan;
  /** As far as known before there is a plan. */
  readonly role: DiagnosisPlan["role"];
  readonly service: DiagnosisPlan["service"];
  /** As it is written. */
  readonly target: string;
  /** Whether other machines can connect to where it listens. */
  readonly beyondLoopback: boolean;
  /** Names of other tunnels that use the same key for another target. */
  readonly sameKey: readonly string[];
  /** This key has reached the end of a handshake at this target before. */
  readonly verifiedBefore: boolean;
}

/** What a diagnosis needs from outside. */
export interface DiagnosisContext {
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  readonly clock: Clock;
  /** Default: getaddrinfo. */
  readonly lookup?: Lookup | undefined;
  /** Aborts the diagnosis, which then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Synchronous, must not throw. */
  readonly onProgress: (progress: Progress) => void;
  /** What differs from the defaults. */
  readonly timings?: Partial<Timings> | undefined;
}
