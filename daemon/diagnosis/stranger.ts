/**
 * Asks somebody who said nothing to our nonce in two other ways, a connection
 * each: as a Redis client and as a TLS client.
 */
import type * as net from "node:net";
import type { RandomSource } from "../crypto/random.ts";
import { NONCE_BYTES } from "../protocol/constants.ts";
import { recogniseServer } from "../protocol/recognise.ts";
import { clientHello } from "./client-hello.ts";
import { FarSocket } from "./far-socket.ts";
import type { StrangerSighting } from "./sighting.ts";

/** What asking needs. */
export interface StrangerOptions {
  /** Connects again; undefined when that fails. */
  readonly connect: () => Promise<net.Socket | undefined>;
  readonly random: RandomSource;
  /** For each answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A line of it may come alone, and the rest with the next packet: only the first is needed. */
const ENOUGH_BYTES = 8;

/**
 * Asks until something is recognised.
 * @throws the signal's reason
 */
export async function askStranger(options: StrangerOptions): Promise<StrangerSighting> {
  for (const question of [Buffer.from("PING\r\n"), clientHello(options.random)]) {
    const head = await answerTo(question, options);
    const known = recogniseServer(head);
    if (known) return { is: "known", label: known.label, sure: known.sure };
    if (head.length === NONCE_BYTES) return { is: "late" };
  }
  return { is: "unknown" };
}

async function answerTo(question: Uint8Array, { connect, timeoutMs, signal }: StrangerOptions): Promise<Uint8Array> {
  const socket = await connect();
  if (!socket) return new Uint8Array(0);
  const far = new FarSocket(socket);
  try {
    far.send(question);
    await far.until(() => far.received.length >= ENOUGH_BYTES || recogniseServer(far.received) !== undefined, { ms: timeoutMs, signal });
    return far.received;
  } finally {
    far.close();
  }
}
