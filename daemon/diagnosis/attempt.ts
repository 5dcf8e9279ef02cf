/**
 * One connection to a far side, from C1 to the service behind it. Sends nothing
 * more than it must: C4 is held back until its time, and the service is asked only
 * when the key is proved. Reports what was seen and concludes nothing.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import type { Clock } from "../../shared/time.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { DH_MESSAGE_BYTES, DH_PUBLIC_BYTES, NONCE_BYTES } from "../protocol/constants.ts";
import { type ForwardSecrecy, SpipedHandshake } from "../protocol/handshake.ts";
import { type SharedKey, WEAK_DH_PUBLIC } from "../protocol/keys.ts";
import type { HandshakeStep } from "../protocol/wire.ts";
import { recogniseServer } from "../services/recognise.ts";
import { FarSocket } from "./far-socket.ts";
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
  /** How long C4 is held back, given the round trip seen so far. */
  readonly holdMs: (roundTripMs: number) => number;
  /** What connecting took. */
  readonly dialMs: number;
  /** Bound for the nonce, and again for S5. */
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
    const { suite, random, key, forwardSecrecy } = options;
    const handshake = new SpipedHandshake({ role: "client", suite, random, keys: [key], forwardSecrecy });
    return await overNonces(far, handshake, options);
  } finally {
    far.close();
  }
}

async function overNonces(far: FarSocket, handshake: SpipedHandshake, options: AttemptOptions): Promise<Sighting> {
  const { clock, handshakeMs, signal } = options;
  const startMs = clock.monotonicMs();
  const nonce = handshake.start();
  options.reached("nonce");
  far.send(nonce);
  await far.until(() => far.received.length >= NONCE_BYTES || isNoNonce(far.received), { ms: handshakeMs, signal });
  const nonceMs = clock.monotonicMs() - startMs;
  const end: BrokenOff = far.ending ?? "waiting";
  const head = far.received;
  if (head.length === 0) return { at: "silent", end };
  if (options.suite.equal(head.subarray(0, NONCE_BYTES), nonce)) return { at: "echo" };
  if (head.length > NONCE_BYTES) return { at: "talkative", head };
  if (head.length < NONCE_BYTES || isNoNonce(head)) return { at: "opening", end, head };

  options.reached("key-proof");
  const roundTripMs = Math.max(options.dialMs, nonceMs);
  const heldFromMs = clock.monotonicMs();
  await far.until(() => far.received.length > NONCE_BYTES, { ms: options.holdMs(roundTripMs), signal });
  if (far.received.length > NONCE_BYTES) return { at: "talkative", head: far.received };
  const heldMs = clock.monotonicMs() - heldFromMs;
  if (far.ending !== undefined) return { at: "held", end: far.ending, nonceMs, heldMs };
  return overProof(far, handshake, { ...options, nonceMs, heldMs, roundTripMs });
}

async function overProof(
  far: FarSocket,
  handshake: SpipedHandshake,
  options: AttemptOptions & { readonly nonceMs: number; readonly heldMs: number; readonly roundTripMs: number },
): Promise<Sighting> {
  const { clock, handshakeMs, signal, nonceMs, heldMs, roundTripMs } = options;
  const { send: proof } = handshake.receive(far.received.subarray(0, NONCE_BYTES));
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
  const stream = new ServiceStream({ socket: far.release(), channel: step.channel, rest: step.rest, ending, lingerMs: options.lingerMs });
  try {
    const service = await options.ask(stream, Math.max(roundTripMs, proofMs));
    await stream.finish();
    return { at: "proved", forwardSecret: !isWeak, service, nonceMs, proofMs };
  } finally {
    stream.destroy();
  }
}

/** Bytes that are no part of a random nonce. */
function isNoNonce(head: Uint8Array): boolean {
  return recogniseServer(head)?.sure === true;
}
