/**
 * Tells a client of Redis that there is no connection for it: an error in answer
 * to every command, pipelined ones and those that went before included, since a
 * client counts its answers. The connection stays until the client has had time to
 * read them (proxy/plain-refusal.ts): one that is closed at once makes clients
 * report the close. RESP2 and RESP3 have the same form here. Pure.
 *
 * A command that has gone to the service, which may have carried it out, is not
 * said to have failed, unless it changes nothing.
 */
import { RedisCommands } from "./redis-commands.ts";
import type { Refuser } from "./refuser.ts";

/** Commands that clients begin with, and some that only read. */
const HARMLESS = new Set([
  ...["HELLO", "AUTH", "PING", "ECHO", "CLIENT", "COMMAND", "INFO", "SELECT", "ROLE", "READONLY"],
  ...["GET", "MGET", "EXISTS", "TTL", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"],
]);

/** Our choice: whoever sends more commands than this before an answer is closed. */
const MAX_PASSED = 10_000;

/** See the file's header. */
export class RedisRefuser implements Refuser {
  readonly #commands = new RedisCommands();
  #passed = 0;
  #isHarmless = true;
  #isStrange = false;
  #answer: Uint8Array | undefined;

  get isOver(): boolean {
    return false;
  }

  passed(bytes: Uint8Array): void {
    if (this.#isStrange) return;
    const names = this.#commands.push(bytes);
    this.#isStrange = names === undefined || this.#passed > MAX_PASSED;
    this.#passed += names?.length ?? 0;
    this.#isHarmless &&= names?.every((name) => HARMLESS.has(name)) === true;
  }

  /** A command that has begun may be a harmful one. */
  canBegin(isUnheard: boolean): boolean {
    return !this.#isStrange && (isUnheard || (this.#isHarmless && this.#commands.isBetween));
  }

  begin(line: string, isUnheard: boolean): Uint8Array | undefined {
    if (!this.canBegin(isUnheard)) return undefined;
    this.#answer = new TextEncoder().encode(`-ERR ${line}\r\n`);
    return this.#answers(this.#passed);
  }

  more(bytes: Uint8Array): Uint8Array | undefined {
    const names = this.#commands.push(bytes);
    return names && this.#answers(names.length);
  }

  #answers(count: number): Uint8Array {
    const answer = this.#answer as Uint8Array;
    const all = new Uint8Array(answer.length * count);
    for (let index = 0; index < count; index++) all.set(answer, index * answer.length);
    return all;
  }
}
