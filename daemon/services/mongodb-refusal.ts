/**
 * Tells a client of MongoDB that there is no connection for it: each question gets
 * a failed command as its answer, { ok: 0, errmsg, code 6 HostUnreachable }, in the
 * form in which it was asked. Drivers show the text once they give up looking for a
 * server. Pure.
 *
 * A command that has gone to the service, which may have carried it out, is not
 * said to have failed, unless it is one of those that drivers begin with.
 */
import {
  bsonDocument,
  joined,
  MAX_MONGO_BYTES,
  MONGO_HEADER_BYTES,
  type MongoHeader,
  mongoMessage,
  mongoReply,
  readMongoDocument,
  readMongoHeader,
} from "./mongodb-packets.ts";
import type { Refuser } from "./refuser.ts";

/** error_codes.yml of MongoDB. */
const HOST_UNREACHABLE = { code: 6, codeName: "HostUnreachable" } as const;

/** Commands that drivers begin with. */
const HARMLESS = new Set(["hello", "isMaster", "ismaster", "ping", "buildInfo", "saslStart", "saslContinue", "getParameter"]);

/** Our choice: of a message so much is kept, to see which command it is. */
const MAX_KEPT_BYTES = 16 * 1024;

/** See the file's header. */
export class MongoRefuser implements Refuser {
  /** What has come of a message, up to a bound. */
  #held: number[] = [];
  /** How much of a long message is still to be skipped. */
  #skip = 0;
  #isHarmless = true;
  #isStrange = false;
  #asked: Pick<MongoHeader, "requestId" | "op">[] = [];
  #line = "";
  #answers = 0;

  get isOver(): boolean {
    return false;
  }

  passed(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#isStrange) {
      const skipped = Math.min(this.#skip, bytes.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (at < bytes.length) at = this.#take(bytes, at);
    }
  }

  canBegin(isUnheard: boolean): boolean {
    const isBetween = this.#held.length === 0 && this.#skip === 0;
    return !this.#isStrange && (isUnheard || (this.#isHarmless && isBetween));
  }

  begin(line: string, isUnheard: boolean): Uint8Array | undefined {
    this.#line = line;
    if (!this.canBegin(isUnheard)) return undefined;
    return this.#answer();
  }

  more(bytes: Uint8Array): Uint8Array | undefined {
    this.passed(bytes);
    return this.#isStrange ? undefined : this.#answer();
  }

  /** Of the message that has begun; undefined: it is none, or not whole. */
  get #header(): MongoHeader | undefined {
    return readMongoHeader(Uint8Array.from(this.#held.slice(0, MONGO_HEADER_BYTES)));
  }

  /** The next part of a message; where it ends. */
  #take(bytes: Uint8Array, from: number): number {
    const header = this.#header;
    const wanted = header ? Math.min(header.length, MAX_KEPT_BYTES) : MONGO_HEADER_BYTES;
    const to = Math.min(bytes.length, from + wanted - this.#held.length);
    for (let at = from; at < to; at++) this.#held.push(bytes[at] as number);
    if (this.#held.length < MONGO_HEADER_BYTES) {
      // The first four bytes are a length, which is below 48,000,000.
      if (this.#held.length >= 4 && (this.#held[3] as number) > MAX_MONGO_BYTES >> 24) this.#isStrange = true;
      return to;
    }
    const known = header ?? this.#header;
    if (!known || known.op === "reply") this.#isStrange = true;
    else if (this.#held.length >= Math.min(known.length, MAX_KEPT_BYTES)) this.#whole(known);
    return to;
  }

  #whole(header: MongoHeader): void {
    const document = readMongoDocument(Uint8Array.from(this.#held));
    const [command = ""] = document?.keys() ?? [];
    this.#isHarmless &&= HARMLESS.has(command);
    this.#asked.push(header);
    this.#skip = header.length - this.#held.length;
    this.#held = [];
  }

  #answer(): Uint8Array {
    const document = bsonDocument({ ok: 0, errmsg: this.#line, ...HOST_UNREACHABLE });
    const answers = this.#asked.splice(0).map(({ requestId, op }) => {
      this.#answers += 1;
      const ids = { requestId: this.#answers, responseTo: requestId };
      return op === "query" ? mongoReply(document, ids) : mongoMessage(document, ids);
    });
    return joined(answers);
  }
}
