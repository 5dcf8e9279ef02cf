/**
 * Asks a far side that said nothing to our nonce in two other ways, each with its
 * own connection: as a Redis client and as a TLS client. A far side that closes
 * without a byte is asked more often: a spiped whose backend refuses at once may
 * close several connections before its nonce is out.
 */
import type * as net from "node:net";
import type { RandomSource } from "../crypto/random.ts";
import { NONCE_BYTES } from "../protocol/constants.ts";
import { recogniseServer } from "../services/recognise.ts";
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

/** The first line of an answer may come alone, and the rest with the next packet: only the first line is needed. */
const ENOUGH_BYTES = 8;
/** Our choice: with both questions, five connections. On a busy machine all of the first three were closed in one of the diagnoses of `key-or-backend.test.ts`. */
const MORE_WHEN_CLOSED = 3;

/**
 * Asks until something is recognised.
 * @throws the signal's reason
 */
export async function askStranger(options: StrangerOptions): Promise<StrangerSighting> {
  const questions = [Buffer.from("PING\r\n"), clientHello(options.random)];
  let left = MORE_WHEN_CLOSED;
  for (let question = questions.shift(); question; question = questions.shift()) {
    const { head, hasEnded } = await answerTo(question, options);
    const known = recogniseServer(head);
    if (known) return { is: "known", words: known.words, sure: known.sure };
    if (head.length === NONCE_BYTES) return { is: "late" };
    if (hasEnded && head.length === 0 && questions.length === 0 && left > 0) {
      left -= 1;
      questions.push(Buffer.from("PING\r\n"));
    }
  }
  return { is: "unknown" };
}

interface Answer {
  readonly head: Uint8Array;
  /** Whether the far side has closed. */
  readonly hasEnded: boolean;
}

async function answerTo(question: Uint8Array, { connect, timeoutMs, signal }: StrangerOptions): Promise<Answer> {
  const socket = await connect();
  if (!socket) return { head: new Uint8Array(0), hasEnded: false };
  const far = new FarSocket(socket);
  try {
    far.send(question);
    await far.until(() => far.received.length >= ENOUGH_BYTES || recogniseServer(far.received) !== undefined, { ms: timeoutMs, signal });
    return { head: far.received, hasEnded: far.ending !== undefined };
  } finally {
    far.close();
  }
}
