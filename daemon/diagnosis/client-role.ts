/**
 * The stages of a client tunnel on the network: one connection that goes as far
 * as it can, and more only where the rules ask for them: (f) before KEY_MISMATCH
 * is said, and two questions to somebody who says nothing.
 */
import type { Socket } from "node:net";
import { formatAddress } from "../../shared/address.ts";
import type { TunnelError } from "../../shared/errors.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import { dial } from "../proxy/dial.ts";
import { askService } from "./ask-service.ts";
import { attempt } from "./attempt.ts";
import type { Connected } from "./dial-all.ts";
import type { Findings } from "./findings.ts";
import { logHandshake } from "./handshake-stages.ts";
import { nonceFirst } from "./nonce.ts";
import { deadAddresses, reachTarget } from "./reach.ts";
import type { RoundTrips, Warning } from "./report.ts";
import type { Sighting, StrangerSighting } from "./sighting.ts";
import type { StageLog } from "./stage-log.ts";
import { askStranger } from "./stranger.ts";
import type { DiagnosisContext, DiagnosisPlan, Subject } from "./subject.ts";
import type { Timings } from "./timings.ts";
import { type Conclusion, forwardSecrecyNeeded, judge } from "./verdict.ts";

/** What all steps need. */
export interface ClientWork {
  readonly subject: Subject;
  readonly plan: DiagnosisPlan;
  readonly context: DiagnosisContext;
  readonly timings: Timings;
  readonly log: StageLog;
}

/** Runs the stages from `resolve` on. @throws the signal's reason */
export async function diagnoseClient(work: ClientWork): Promise<Findings> {
  const { plan, context, log } = work;
  const reached = await reachTarget(plan, context, log);
  if (!reached.connected) return reached.findings;
  const { sighting, conclusion } = await new FarSide(work, reached.connected).examine();
  logHandshake(log, sighting, conclusion);
  const addresses = await reached.addresses;
  return { conclusion, addresses, roundTrips: roundTripsOf(reached.connected.ms, sighting), warnings: [...warningsOf(sighting), ...deadAddresses(addresses)] };
}

interface Examined {
  readonly sighting: Sighting;
  readonly conclusion: Conclusion;
}

/** How one attempt differs from another. */
interface Variation {
  readonly long: boolean;
  readonly forwardSecrecy: ForwardSecrecy;
}

class FarSide {
  readonly #work: ClientWork;
  readonly #connected: Connected;
  readonly #target: string;

  constructor(work: ClientWork, connected: Connected) {
    this.#work = work;
    this.#connected = connected;
    this.#target = formatAddress(work.plan.target);
  }

  async examine(): Promise<Examined> {
    const { forwardSecrecy } = this.#work.plan;
    const first = await this.#attempt(this.#connected, { long: false, forwardSecrecy });
    if (!isClosedOnProof(first)) return this.#judged(first);
    // (f): the same again with more patience, and strong if we were weak.
    const second = await this.#again(first, { long: true, forwardSecrecy });
    if (closedLater(first, second.sighting)) return this.#judged(first);
    if (!isClosedOnProof(second.sighting) || second.conclusion.stage === "dial" || forwardSecrecy !== "off") return second;
    const third = await this.#again(first, { long: false, forwardSecrecy: "prefer" });
    return third.sighting.at === "proved" ? { sighting: third.sighting, conclusion: forwardSecrecyNeeded(this.#target) } : third;
  }

  /** Another attempt; when there is no other connection, that is what is told, beside what was seen before. */
  async #again(before: Sighting, variation: Variation): Promise<Examined> {
    const connected = await this.#connect();
    if ("socket" in connected) return this.#judged(await this.#attempt(connected, variation));
    const cause = `${this.#target} closed the connection on our proof of the key, and then could not be connected to again: probably it is being stopped or restarted.`;
    return {
      sighting: before,
      conclusion: { stage: "dial", code: connected.code, certain: false, cause, cure: "Try again in a moment, and look at the far end's log." },
    };
  }

  async #judged(sighting: Sighting): Promise<Examined> {
    const { subject, plan } = this.#work;
    const stranger = sighting.at === "silent" ? await this.#askStranger() : undefined;
    const about = { target: this.#target, service: plan.service, verifiedBefore: subject.verifiedBefore, stranger };
    return { sighting, conclusion: judge(sighting, about) };
  }

  #attempt({ socket, ms }: Pick<Connected, "socket" | "ms">, { long, forwardSecrecy }: Variation): Promise<Sighting> {
    const { plan, context, timings, log } = this.#work;
    const { suite, clock, signal, random } = context;
    const [key] = plan.keys;
    if (!key) throw new RangeError("a plan has a key");
    return attempt(socket, {
      suite,
      clock,
      signal,
      key,
      forwardSecrecy,
      random: nonceFirst(random),
      dialMs: ms,
      holdMs: (roundTripMs) => Math.max(long ? timings.longHoldMs : 0, timings.holdMs + timings.holdRoundTrips * roundTripMs),
      handshakeMs: plan.timeoutMs,
      lingerMs: timings.lingerMs,
      reached: (stage) => void log.begin(stage),
      ask: (stream, roundTripMs) => askService(stream, { service: plan.service, timings, roundTripMs, clock, signal }),
    });
  }

  #askStranger(): Promise<StrangerSighting> {
    const { context, timings } = this.#work;
    return askStranger({
      connect: async () => {
        const connected = await this.#connect();
        return "socket" in connected ? connected.socket : undefined;
      },
      random: context.random,
      timeoutMs: timings.strangerMs,
      signal: context.signal,
    });
  }

  /** The same address again. */
  async #connect(): Promise<{ readonly socket: Socket; readonly ms: number } | TunnelError> {
    const { plan, context } = this.#work;
    const { clock, signal } = context;
    const startMs = clock.monotonicMs();
    try {
      const { socket } = await dial({ addresses: [this.#connected.address], timeoutMs: plan.timeoutMs, bind: plan.bind, signal });
      return { socket, ms: clock.monotonicMs() - startMs };
    } catch (error) {
      signal.throwIfAborted();
      return error as TunnelError;
    }
  }
}

/** The sighting that could be a wrong key. */
function isClosedOnProof(sighting: Sighting): boolean {
  return sighting.at === "unproved" && sighting.end === "closed" && sighting.gotBytes === 0;
}

/** Our choice: how much a machine may be late. */
const SLACK_MS = 100;

/**
 * Held longer, it closed of itself, but well after the moment at which it had judged the key the first time: that is its
 * own limit on handshakes (-o below 2 s). A backend that refuses that late would have let the first attempt have S5.
 */
function closedLater(first: Sighting, second: Sighting): boolean {
  return first.at === "unproved" && second.at === "held" && second.heldMs > first.heldMs + first.waitedMs + SLACK_MS;
}

function roundTripsOf(dialMs: number, sighting: Sighting): RoundTrips {
  const service = sighting.at === "proved" ? sighting.service : undefined;
  return {
    dialMs,
    ...((sighting.at === "proved" || sighting.at === "refuted") && { handshakeMs: sighting.proofMs }),
    ...(service && "ms" in service && { backendMs: service.ms }),
  };
}

function warningsOf(sighting: Sighting): Warning[] {
  if (sighting.at !== "proved") return [];
  const warnings: Warning[] = [];
  if (!sighting.forwardSecret) {
    const text = "This tunnel works without forward secrecy: who records it and gets the key later can read it. Leave out -f at both ends.";
    warnings.push({ about: "no-forward-secrecy", text });
  }
  if (sighting.service.seen === "answered" && sighting.service.isCluster) {
    const text = "This Redis is in cluster mode: clients are sent on to the other nodes' own addresses, which a single tunnel doesn't lead to.";
    warnings.push({ about: "redis-cluster", text });
  }
  return warnings;
}
