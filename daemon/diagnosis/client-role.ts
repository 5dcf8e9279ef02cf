/**
 * The stages of a client tunnel on the network: one connection that goes as far as
 * it can, and more connections only where the rules ask for them: (f) before
 * KEY_MISMATCH is reported, two questions to a far side that says nothing, and one
 * to a Redis that may speak TLS.
 */

import { formatAddress } from "../../shared/address.ts";
import { keyFormMessage, keyFormText, keyVariantsMessage, keyVariantsText } from "../../shared/contract/key-form.ts";
import { readBackend } from "../../shared/far-target.ts";
import { message } from "../../shared/message.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import { nativeSettings } from "../proxy/connection-settings.ts";
import { askService, lookForTls, mayDifferInTls } from "./ask-service.ts";
import { attempt } from "./attempt.ts";
import type { Connected } from "./dial-all.ts";
import { logHandshake } from "./handshake-stages.ts";
import { nonceFirst } from "./nonce.ts";
import { connectAgain, deadAddresses, reachTarget } from "./reach.ts";
import type { Conclusion, Findings, RoundTrips, Warning } from "./report.ts";
import { warningsAbout } from "./service-verdict.ts";
import type { ServiceSighting, Sighting, StrangerSighting } from "./sighting.ts";
import type { StageLog } from "./stage-log.ts";
import { askStranger } from "./stranger.ts";
import type { DiagnosisContext, DiagnosisPlan, Subject } from "./subject.ts";
import type { Timings } from "./timings.ts";
import { forwardSecrecyNeeded, judge } from "./verdict.ts";
import { advice, capitalised, concluded } from "./words.ts";

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
  const { sighting, conclusion: judged } = await new FarSide(work, reached.connected).examine();
  const conclusion = withKeyForm(judged, plan);
  logHandshake(log, sighting, conclusion);
  const addresses = await reached.addresses;
  return {
    conclusion,
    addresses,
    roundTrips: roundTripsOf(reached.connected.ms, sighting),
    warnings: [...warningsOf(sighting, plan), ...deadAddresses(addresses)],
  };
}

interface Examined {
  readonly sighting: Sighting;
  readonly conclusion: Conclusion;
}

/** How one attempt differs from another. */
interface Variation {
  /** The nonce carries the hint of the native wire. */
  readonly hints?: boolean;
  readonly long: boolean;
  readonly forwardSecrecy: ForwardSecrecy;
  /** What is asked of the service; default: what its entry says it is. */
  readonly ask?: typeof askService;
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
    const examined = await this.#examineKey();
    const { sighting } = examined;
    return sighting.at === "proved" && mayDifferInTls(sighting.service, this.#work.plan) ? await this.#lookForTls(examined, sighting) : examined;
  }

  async #examineKey(): Promise<Examined> {
    const { forwardSecrecy, wire } = this.#work.plan;
    const hints = wire !== "spiped" && forwardSecrecy !== "off";
    const first = await this.#attempt(this.#connected, { hints, long: false, forwardSecrecy });
    // A hint is no line, which something else than spiped may wait for.
    if (hints && first.at === "silent" && first.end === "waiting") return this.#asSpiped(await this.#again(first, { long: false, forwardSecrecy }));
    return this.#asSpiped({ sighting: first, conclusion: undefined });
  }

  async #asSpiped({ sighting: first, conclusion }: { readonly sighting: Sighting; readonly conclusion: Conclusion | undefined }): Promise<Examined> {
    const { forwardSecrecy } = this.#work.plan;
    if (!isClosedOnProof(first)) return conclusion ? { sighting: first, conclusion } : this.#judged(first);
    // (f): the same again with more patience, then with forward secrecy if ours was off.
    const second = await this.#again(first, { long: true, forwardSecrecy });
    if (closedLater(first, second.sighting)) return this.#judged(first);
    if (!isClosedOnProof(second.sighting) || second.conclusion.stage === "dial" || forwardSecrecy !== "off") return second;
    const third = await this.#again(first, { long: false, forwardSecrecy: "prefer" });
    return third.sighting.at === "proved" ? { sighting: third.sighting, conclusion: forwardSecrecyNeeded(this.#target) } : third;
  }

  /** Makes one more connection, on which the service is asked with TLS or without. */
  async #lookForTls(examined: Examined, before: Extract<Sighting, { at: "proved" }>): Promise<Examined> {
    const connected = await this.#connect();
    if (!("socket" in connected)) return examined;
    let found: ServiceSighting | undefined;
    await this.#attempt(connected, {
      long: false,
      forwardSecrecy: this.#work.plan.forwardSecrecy,
      ask: async (stream, options) => {
        found = await lookForTls(stream, options);
        return found ?? before.service;
      },
    });
    return found ? await this.#judged({ ...before, service: found }) : examined;
  }

  /** Another attempt; if connecting fails, that is the conclusion, together with what was seen before. */
  async #again(before: Sighting, variation: Variation): Promise<Examined> {
    const connected = await this.#connect();
    if ("socket" in connected) return this.#judged(await this.#attempt(connected, variation));
    const cause = message(
      "{0} closed the connection on our proof of the key, and then could not be connected to again: probably it is being stopped or restarted.",
      this.#target,
    );
    return {
      sighting: before,
      conclusion: concluded({
        stage: "dial",
        code: connected.code,
        certain: false,
        cause,
        cure: message("Try again in a moment, and look at the far end's log."),
      }),
    };
  }

  async #judged(sighting: Sighting): Promise<Examined> {
    const { subject, plan } = this.#work;
    const stranger = sighting.at === "silent" ? await this.#askStranger() : undefined;
    const about = { target: this.#target, service: plan.service, wire: plan.wire, verifiedBefore: subject.verifiedBefore, stranger };
    return { sighting, conclusion: judge(sighting, about) };
  }

  #attempt({ socket, ms }: Pick<Connected, "socket" | "ms">, { hints = false, long, forwardSecrecy, ask = askService }: Variation): Promise<Sighting> {
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
      ...(hints ? { random, native: nativeSettings(suite, random) } : { random: nonceFirst(random) }),
      backend: plan.backend === undefined ? undefined : readBackend(plan.backend),
      nonceLimitMs: hints ? Math.min(plan.timeoutMs, timings.hintMs + 2 * ms) : plan.timeoutMs,
      dialMs: ms,
      holdMs: (roundTripMs) => Math.max(long ? timings.longHoldMs : 0, timings.holdMs + timings.holdRoundTrips * roundTripMs),
      handshakeMs: plan.timeoutMs,
      lingerMs: timings.lingerMs,
      reached: (stage) => void log.begin(stage),
      ask: (stream, roundTripMs) => ask(stream, { service: plan.service, tls: plan.tls, timings, roundTripMs, clock, signal }),
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

  #connect(): ReturnType<typeof connectAgain> {
    return connectAgain(this.#connected, this.#work.plan, this.#work.context);
  }
}

/** The sighting that could be a wrong key. */
function isClosedOnProof(sighting: Sighting): boolean {
  return sighting.at === "unproved" && sighting.end === "closed" && sighting.gotBytes === 0;
}

/** Our choice: how late a machine may be. */
const SLACK_MS = 100;

/**
 * When C4 was held back longer, the far side closed by itself, but well after the moment at which it had judged the key
 * the first time: that is its own limit on handshakes (-o below 2 s). With a backend that refuses that late, the first
 * attempt would have got S5.
 */
function closedLater(first: Sighting, second: Sighting): boolean {
  return first.at === "unproved" && second.at === "held" && second.heldMs > first.heldMs + first.waitedMs + SLACK_MS;
}

function roundTripsOf(dialMs: number, sighting: Sighting): RoundTrips {
  const service = sighting.at === "proved" ? sighting.service : undefined;
  return {
    dialMs,
    ...((sighting.at === "proved" || sighting.at === "refuted" || sighting.at === "told") && { handshakeMs: sighting.proofMs }),
    ...(service && "ms" in service && { backendMs: service.ms }),
  };
}

/** A text key file may differ from the far end's only in its line end. */
function withKeyForm(conclusion: Conclusion, { keyForms: [form] = [] }: DiagnosisPlan): Conclusion {
  if (conclusion.code !== "KEY_MISMATCH" || !form) return conclusion;
  const told = capitalised(keyFormText(form));
  const cureReason = message(
    "{0} {1}: compare these with the far end's, too: {2}.",
    conclusion.cureReason ?? "",
    keyFormMessage(form),
    keyVariantsMessage(form),
  );
  return { ...conclusion, cure: `${conclusion.cure} ${told}: compare these with the far end's, too: ${keyVariantsText(form)}.`, cureReason };
}

function warningsOf(sighting: Sighting, plan: DiagnosisPlan): Warning[] {
  if (sighting.at !== "proved") return [];
  const warnings: Warning[] = [];
  if (!sighting.forwardSecret) {
    const text = message("This tunnel works without forward secrecy: who records it and gets the key later can read it. Leave out -f at both ends.");
    warnings.push(advice("no-forward-secrecy", text));
  }
  if (sighting.service.seen === "answered" && sighting.service.isCluster) {
    const text = message("This Redis is in cluster mode: clients are sent on to the other nodes' own addresses, which a single tunnel doesn't lead to.");
    warnings.push(advice("redis-cluster", text));
  }
  return [...warnings, ...warningsAbout(sighting.service, plan)];
}
