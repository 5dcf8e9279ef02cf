/**
 * Tells a client that its tunnel has no connection for it, in its own protocol
 * (services/refusal.ts), in place of closing it. The client stays until it has had
 * time to read that, and is answered meanwhile:
 *
 *     take() ──► told ──quiet for a while, or enough──► our end is sent ──client's end, or a limit──► closed
 *                  └──another protocol──► reset
 *
 * Bounded in number and in time. Owns its socket from `take` on.
 */
import type * as net from "node:net";
import { refusalLine } from "../services/refusal.ts";
import type { Refuser } from "../services/refuser.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { lastWords, type PlainRefusal, resetSocket } from "./plain-side.ts";
import type { Route } from "./route.ts";

/** Our choice: clients that are told at once; further ones are closed. */
const MAX_TOLD = 256;

/**
 * Our choice: how long a client has for its first command, and for another one after an answer; how long in all; and how
 * long for its own end once we have sent ours. A client that keeps a connection in a pool must lose it soon: the tunnel may
 * work again by then.
 */
const TOLD_MS = { first: 5_000, next: 2_000, most: 10_000, close: 2_000 };

/** The clients of a port that are being told. `close` it. */
export class Refusals {
  readonly #told = new Set<ToldClient>();

  get size(): number {
    return this.#told.size;
  }

  /** How a client of the tunnel `name` can be told. */
  for(socket: net.Socket, { name, refuser, tells }: { readonly name: string; readonly refuser: Refuser; readonly tells?: Route["tells"] }): PlainRefusal {
    return {
      passed: (bytes) => refuser.passed(bytes),
      canTake: (isUnheard) => this.#told.size < MAX_TOLD && refuser.canBegin(isUnheard),
      take: (error, isUnheard) => tells?.(error) !== false && this.#take(socket, { refuser, line: refusalLine(name, error), isUnheard }),
    };
  }

  close(): void {
    for (const client of [...this.#told]) client.close();
  }

  #take(socket: net.Socket, { refuser, line, isUnheard }: { readonly refuser: Refuser; readonly line: string; readonly isUnheard: boolean }): boolean {
    if (this.#told.size >= MAX_TOLD || socket.destroyed || socket.writableEnded) return false;
    // What the client has said and nobody has read yet: it tells which protocol the client speaks.
    for (const words of lastWords(socket)) refuser.passed(words);
    const first = refuser.begin(line, isUnheard);
    if (!first) return false;
    const client = new ToldClient(socket, refuser, () => this.#told.delete(client));
    this.#told.add(client);
    client.start(first);
    return true;
  }
}

class ToldClient {
  readonly #socket: net.Socket;
  readonly #refuser: Refuser;
  readonly #onClosed: () => void;
  #quiet: NodeJS.Timeout | undefined;
  #limit: NodeJS.Timeout | undefined;
  #isEnding = false;

  constructor(socket: net.Socket, refuser: Refuser, onClosed: () => void) {
    this.#socket = socket;
    this.#refuser = refuser;
    this.#onClosed = onClosed;
  }

  start(first: Uint8Array): void {
    const socket = this.#socket;
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(this.#quiet);
      clearTimeout(this.#limit);
      this.#onClosed();
    });
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.once("end", () => this.#end());
    this.#limit = setTimeout(() => this.#end(), TOLD_MS.most);
    this.#say(first);
    if (this.#refuser.isOver || socket.readableEnded) this.#end();
    socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Uint8Array): void {
    if (this.#isEnding) return;
    const answer = this.#refuser.more(bytes);
    if (answer && this.#socket.writableLength < WRITE_QUEUE_BYTES) this.#say(answer);
    else resetSocket(this.#socket);
  }

  #say(answer: Uint8Array): void {
    if (answer.length > 0) this.#socket.write(answer);
    else if (this.#quiet) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#end(), answer.length > 0 ? TOLD_MS.next : TOLD_MS.first);
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearTimeout(this.#quiet);
    clearTimeout(this.#limit);
    this.#socket.end();
    this.#limit = setTimeout(() => this.#socket.destroy(), TOLD_MS.close);
  }
}
