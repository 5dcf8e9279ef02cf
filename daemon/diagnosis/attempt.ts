/**
 * One connection to a far side, from C1 to the service behind it. Sends nothing
 * more than it must: C4 is held back until its time, and the service is asked only
 * when the key is proved. Reports what was seen and concludes nothing.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import type { AskedTarget } from "../../shared/far-target.ts";
import type { Clock } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { DH_MESSAGE_BYTES, DH_PUBLIC_BYTES, NONCE_BYTES } from "../protocol/constants.ts";
import { type ForwardSecrecy, SpipedHandshake } from "../protocol/handshake.ts";
import { type SharedKey, WEAK_DH_PUBLIC } from "../protocol/keys.ts";
import { negotiate } from "../protocol/negotiation.ts";
import type { Handshake, HandshakeStep } from "../protocol/wire.ts";
import type { NativeSettings } from "../proxy/connection-settings.ts";
import { SESSION_HOLDS_BYTES } from "../proxy/native-session.ts";
import { recogniseServer } from "../services/recognise.ts";
import { FarSocket } from "./far-socket.ts";
import { askFarEnd } from "./far-word.ts";
import { type Link, sealedLink } from "./link.ts";
import { ServiceStream } from "./service-stream.ts";
import type { BrokenOff, ServiceSighting, Sighting } from "./sighting.ts";

/** How to make an attempt. */
export interface AttemptOptions {
  readonly suite: CipherSuite;
  /** Its first answer becomes the nonce. */
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly key: SharedKey;
  readonly forwardSecrecy: ForwardSecrecy;
  /** Given: the nonce carries the native wire's hint, and whoever answers it is asked on that wire. */
  readonly native?: NativeSettings | undefined;
  /** On the native wire: which backend of the far end is asked for; default: its entry's target. */
  readonly backend?: AskedTarget | undefined;
  /** How long C4 is held back, given the round trip seen so far. */
  readonly holdMs: (roundTripMs: number) => number;
  /** What connecting took. */
  readonly dialMs: number;
  /** Bound for the nonce, and for S5. */
  readonly nonceLimitMs: number;
  readonly handshakeMs: number;
  readonly lingerMs: number;
  /** A stage begins. */
  readonly reached: (stage: "nonce" | "key-proof" | "backend") => void;
  /** Asks the service, when the key is proved. */
  readonly ask: (stream: ServiceStream, roundTripMs: number) => Promise<ServiceSighting>;
  readonly signal: AbortSignal;
}

/**
 * Makes an attempt on a connected socket, which it closes.
 * @throws the signal's reason
 */
export async function attempt(socket: net.Socket, options: AttemptOptions): Promise<Sighting> {
  const far = new FarSocket(socket);
  try {
    return await overNonces(far, makeHandshake(options), options);
  } finally {
    far.close();
  }
}

function makeHandshake({ suite, random, key, forwardSecrecy, native }: AttemptOptions): Handshake {
  const spiped = { role: "client", suite, random, keys: [key], forwardSecrecy } as const;
  if (!native) return new SpipedHandshake(spiped);
  const offer = () => ({ instance: native.instance, holdsBytes: SESSION_HOLDS_BYTES, keepsMs: 0 });
  return negotiate({ ...spiped, noise: native.noise, wires: ["auto"], offer });
}

async function overNonces(far: FarSocket, handshake: Handshake, options: AttemptOptions): Promise<Sighting> {
  const { clock, nonceLimitMs, signal } = options;
  const startMs = clock.monotonicMs();
  const nonce = handshake.start();
  options.reached("nonce");
  far.send(nonce);
  await far.until(() => far.received.length >= NONCE_BYTES || isNoNonce(far.received), { ms: nonceLimitMs, signal });
  const nonceMs = clock.monotonicMs() - startMs;
  const end: BrokenOff = far.ending ?? "waiting";
  const head = far.received;
  if (head.length === 0) return { at: "silent", end };
  if (options.suite.equal(head.subarray(0, NONCE_BYTES), nonce)) return { at: "echo" };
  if (head.length > NONCE_BYTES) return { at: "talkative", head };
  if (head.length < NONCE_BYTES || isNoNonce(head)) return { at: "opening", end, head };

  options.reached("key-proof");
  const roundTripMs = Math.max(options.dialMs, nonceMs);
  const next = handshake.receive(head);
  if (handshake.wire === "native") return overNativeProof(far, handshake, { ...options, next, nonceMs, roundTripMs });
  const heldFromMs = clock.monotonicMs();
  await far.until(() => far.received.length > NONCE_BYTES, { ms: options.holdMs(roundTripMs), signal });
  if (far.received.length > NONCE_BYTES) return { at: "talkative", head: far.received };
  const heldMs = clock.monotonicMs() - heldFromMs;
  if (far.ending !== undefined) return { at: "held", end: far.ending, nonceMs, heldMs };
  return overProof(far, handshake, { ...options, next, nonceMs, heldMs, roundTripMs });
}

interface AfterNonces extends AttemptOptions {
  /** What the far side's nonce has led to. */
  readonly next: HandshakeStep;
  readonly nonceMs: number;
  readonly roundTripMs: number;
}

async function overProof(far: FarSocket, handshake: Handshake, options: AfterNonces & { readonly heldMs: number }): Promise<Sighting> {
  const { clock, handshakeMs, signal, nonceMs, heldMs, roundTripMs } = options;
  const { send: proof } = options.next;
  if (!proof) throw new RangeError("a client answers a nonce");
  const startMs = clock.monotonicMs();
  far.send(proof);
  const answer = (): Uint8Array => far.received.subarray(NONCE_BYTES);
  await far.until(() => answer().length >= DH_MESSAGE_BYTES, { ms: handshakeMs, signal });
  const proofMs = clock.monotonicMs() - startMs;
  if (answer().length < DH_MESSAGE_BYTES)
    return { at: "unproved", end: far.ending ?? "waiting", gotBytes: answer().length, nonceMs, heldMs, waitedMs: proofMs };

  let step: HandshakeStep;
  try {
    step = handshake.receive(answer());
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { at: "refuted", error, nonceMs, proofMs };
  }
  if (step.state !== "done") throw new RangeError("S5 is whole");
  const isWeak = options.forwardSecrecy === "off" || options.suite.equal(answer().subarray(0, DH_PUBLIC_BYTES), WEAK_DH_PUBLIC);
  const { ending } = far;
  options.reached("backend");
  const link = sealedLink({ socket: far.release(), channel: step.channel, rest: step.rest, ending });
  const service = await overService(link, options, Math.max(roundTripMs, proofMs));
  return { at: "proved", wire: "spiped", forwardSecret: !isWeak, service, nonceMs, proofMs };
}

/** Message 1 of the native wire and its answer: whoever gives the right one holds the key. */
async function overNativeProof(far: FarSocket, handshake: Handshake, options: AfterNonces): Promise<Sighting> {
  const { clock, handshakeMs, signal, nonceMs, roundTripMs } = options;
  const startMs = clock.monotonicMs();
  if (options.next.send) far.send(options.next.send);
  let fed = NONCE_BYTES;
  let step = options.next;
  try {
    while (step.state === "pending") {
      const left = handshakeMs - (clock.monotonicMs() - startMs);
      await far.until(() => far.received.length > fed, { ms: Math.max(0, left), signal });
      const more = far.received.subarray(fed);
      if (more.length === 0) {
        return { at: "cut", end: far.ending ?? "waiting", nonceMs, waitedMs: clock.monotonicMs() - startMs };
      }
      fed = far.received.length;
      step = handshake.receive(more);
    }
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { at: "refuted", error, nonceMs, proofMs: clock.monotonicMs() - startMs };
  }
  if (step.state !== "native") throw new RangeError("a hint leads to the native wire");
  const proofMs = clock.monotonicMs() - startMs;
  options.reached("backend");
  const told = await askFarEnd({ ...options, wire: far.release(), native: step.native, rest: step.rest, timeoutMs: handshakeMs + roundTripMs });
  if ("error" in told) return { at: "told", ...told, nonceMs, proofMs };
  const service = await overService(told.link, options, Math.max(roundTripMs, proofMs));
  return { at: "proved", wire: "native", forwardSecret: true, service, nonceMs, proofMs };
}

/** Asks the service, and ends the link. */
async function overService(link: Link, { ask, lingerMs }: AttemptOptions, roundTripMs: number): Promise<ServiceSighting> {
  const stream = new ServiceStream({ link, lingerMs });
  try {
    const service = await ask(stream, roundTripMs);
    await stream.finish();
    return service;
  } finally {
    stream.destroy();
  }
}

/** Bytes that are no part of a random nonce. */
function isNoNonce(head: Uint8Array): boolean {
  return recogniseServer(head)?.sure === true;
}
