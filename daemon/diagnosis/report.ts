/**
 * What a diagnosis reports: one verdict, and how each stage went. The same record
 * goes to `tunneld diagnose --json`, over RPC and to VS Code; text in it is fit to
 * be shown (no control characters, no Markdown of a peer).
 */
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { Message } from "../../shared/message.ts";
import type { Role } from "../protocol/wire.ts";

/** The stages in their order. `key` is the key file here; `key-proof` is whether the far side holds the same key. */
export const STAGES = ["config", "approval", "key", "listen", "resolve", "dial", "nonce", "key-proof", "forward-secrecy", "backend", "service"] as const;

/** One of {@link STAGES}. */
export type StageName = (typeof STAGES)[number];

/** How one stage went. */
export interface StageReport {
  readonly stage: StageName;
  /** null: not reached, or nothing can be said. */
  readonly ok: boolean | null;
  /** How long it took, waiting on purpose left out; 0 when it was not reached. */
  readonly ms: number;
  readonly code?: ErrorCode;
  /** What was seen, for people. */
  readonly detail?: string;
  /** What `detail` says, in a form that a window says in its own language; so are the other reasons here. */
  readonly detailReason?: Message;
}

/** What advice is about. */
export type WarningAbout = "same-key" | "redis-cluster" | "beyond-loopback" | "dead-address" | "no-forward-secrecy" | "tls";

/** Advice that is no failure. */
export interface Warning {
  readonly about: WarningAbout;
  /** One or two sentences. */
  readonly text: string;
  readonly textReason?: Message;
}

/** One address of the target, tried by itself. */
export interface AddressReport {
  readonly address: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly detailReason?: Message;
}

/** Where time goes, in milliseconds; what was not reached is missing. */
export interface RoundTrips {
  /** The TCP connect: one round trip to the first thing that accepts. */
  readonly dialMs?: number;
  /** From our proof to the far side's (C4 to S5): one round trip and the far side's computing. */
  readonly handshakeMs?: number;
  /** From a question to the first byte of its answer, through the tunnel: one round trip and the backend. */
  readonly backendMs?: number;
}

/** What is concluded. */
export interface Verdict {
  /** null: nothing is wrong. */
  readonly code: ErrorCode | null;
  /** False for a guess; `cause` then says "probably". */
  readonly certain: boolean;
  /** One sentence; what is known to work when nothing is wrong. */
  readonly cause: string;
  readonly causeReason?: Message;
  /** One sentence; empty when nothing is wrong. */
  readonly cure: string;
  readonly cureReason?: Message;
}

/** A verdict and the stage it falls in; `stage` is undefined when nothing is wrong. */
export interface Conclusion extends Verdict {
  readonly stage: StageName | undefined;
}

/** What the stages on the network came to, for either role; the report is made from it. */
export interface Findings {
  readonly conclusion: Conclusion;
  readonly addresses: readonly AddressReport[];
  readonly roundTrips: RoundTrips;
  readonly warnings: readonly Warning[];
}

/** The whole report. */
export interface DiagnosisReport extends Verdict {
  readonly name: string;
  readonly role: Role;
  readonly service: Service;
  readonly target: string;
  /** All of {@link STAGES}, in their order. */
  readonly stages: readonly StageReport[];
  readonly addresses: readonly AddressReport[];
  readonly roundTrips: RoundTrips;
  readonly warnings: readonly Warning[];
}
