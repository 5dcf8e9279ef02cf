/**
 * The lightest Redis client for our measures: it sends one prepared command (or a pipeline of it) again and again and
 * counts the bytes of an answer whose length is known. It costs as little as redis-benchmark (both about
 * 10 µs a GET at 20 connections, nearly all in the kernel), but can open and warm its connections before
 * the clock starts: redis-benchmark counts the handshakes of a tunnel into its GET/s.
 */
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../scripts/lib/failure.mjs";
import { withLimit } from "./limit.mjs";

const LIMIT_MS = 20_000;
/** spiped's listen backlog is ten: more at once would wait for a lost SYN to be sent again. */
const AT_ONCE = 8;

export const PING = { request: Buffer.from("PING\r\n"), answer: Buffer.from("+PONG\r\n") };

/** The bytes of a command in RESP (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
export function encodeCommand(...words) {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}

/** A connection that asks one question at a time: `ask({ request, answer })` resolves when exactly this answer has arrived. */
export class RedisConnection {
  #socket;
  #title;
  #buffer = Buffer.allocUnsafe(16 * 1024);
  #expected = null;
  #received = 0;
  #settle = null;
  #failure = null;

  /** `title` names the connection's route in error messages. */
  constructor(port, title) {
    this.#title = title;
    const callback = (size) => this.#onBytes(size);
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer: this.#buffer, callback } });
    this.#socket.once("error", (error) => this.#fail(error.code)).once("close", () => this.#fail("closed early"));
  }

  /** It has no time limit of its own: thousands of timers a second would distort the measure. */
  ask({ request, answer }) {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      this.#expected = answer;
      this.#received = 0;
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #onBytes(size) {
    const { length } = this.#expected ?? [];
    // The bytes must have the expected length and content: an error or a shifted answer differs in the first byte.
    const end = this.#received + size;
    if (length === undefined || end > length || !this.#matches(size)) {
      this.#fail(`an unexpected answer: ${JSON.stringify(this.#buffer.toString("latin1", 0, Math.min(size, 60)))}`);
      return false;
    }
    this.#received = end;
    if (end === length) {
      const { resolve } = this.#settle;
      this.#expected = null;
      this.#settle = null;
      resolve();
    }
    return true;
  }

  #matches(size) {
    return this.#expected.compare(this.#buffer, 0, size, this.#received, this.#received + size) === 0;
  }

  #fail(cause) {
    this.#failure ??= new Failure(`A Redis connection through ${this.#title} broke (${cause}).`);
    this.#settle?.reject(this.#failure);
    this.#socket.destroy();
  }
}

/** Opens connections into `open` until there are `count`; each has had its answer to `question`. */
export async function openUpTo(count, { open, port, title, question }) {
  const opener = async () => {
    while (open.length < count) {
      const connection = new RedisConnection(port, title);
      open.push(connection);
      await connection.ask(question);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, opener));
}

/** PINGs one after the other for `ms`, with `pauseMs` between them; how long each took, in ms. `what` names them where none is answered. */
export async function pingFor(connection, { ms, pauseMs = 0, what }) {
  const latencies = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const before = performance.now();
    await withLimit(connection.ask(PING), LIMIT_MS, what);
    latencies.push(performance.now() - before);
    if (pauseMs > 0) await delay(pauseMs);
  }
  return latencies;
}

/** True when a Redis answers at this port; rejects if not. */
export async function answersPing(port) {
  const connection = new RedisConnection(port, `port ${port}`);
  try {
    await withLimit(connection.ask(PING), LIMIT_MS, "A PING");
    return true;
  } finally {
    connection.close();
  }
}
