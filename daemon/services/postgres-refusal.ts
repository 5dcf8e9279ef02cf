/**
 * Tells a client of PostgreSQL that there is no connection for it: no to its
 * questions for encryption, and a fatal error in answer to its first real message.
 * Pure.
 *
 *     SSLRequest, GSSENCRequest ──► 'N'      a client that insists on TLS goes then, in its own words
 *     StartupMessage            ──► ErrorResponse, FATAL 08006 "connection failure"
 *     CancelRequest             ──► the end
 *
 * An error in answer to SSLRequest would be shorter, but libpq does not show its text
 * (CVE-2024-10977), as it could be anybody's.
 */
import { MAX_STARTUP_BYTES, POSTGRES_FIRST, POSTGRES_FIRST_BYTES, POSTGRES_TLS, postgresError } from "./postgres-packets.ts";
import type { Refuser } from "./refuser.ts";

/** connection_failure: PostgreSQL documentation, "PostgreSQL Error Codes". */
export const CONNECTION_FAILURE = "08006";

const NO_BYTES = new Uint8Array(0);

/** See the file's header. */
export class PostgresRefuser implements Refuser {
  #held: number[] = [];
  #line: string | undefined;
  #isOver = false;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** All of it is before the log-in: the service has carried out nothing. */
  passed(bytes: Uint8Array): void {
    for (const byte of bytes.subarray(0, MAX_STARTUP_BYTES + 1 - this.#held.length)) this.#held.push(byte);
  }

  canBegin(): boolean {
    return true;
  }

  begin(line: string): Uint8Array | undefined {
    this.#line = line;
    return this.#answer();
  }

  more(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#isOver) return NO_BYTES;
    this.passed(bytes);
    return this.#answer();
  }

  /** What is due to the messages that are whole; undefined: they are not PostgreSQL's. */
  #answer(): Uint8Array | undefined {
    const refusals: number[] = [];
    while (this.#held.length > 0) {
      const head = Uint8Array.from(this.#held.slice(0, POSTGRES_FIRST_BYTES));
      // Four zero-padded bytes of a length come first: text and TLS have something else there.
      if ((head[0] ?? 0) !== 0 || (head[1] ?? 0) !== 0) return undefined;
      if (head.length < POSTGRES_FIRST_BYTES) break;
      const view = new DataView(head.buffer);
      const [length, code] = [view.getUint32(0), view.getUint32(4)];
      if (length < POSTGRES_FIRST_BYTES || length > MAX_STARTUP_BYTES) return undefined;
      if (this.#held.length < length) break;
      this.#held.splice(0, length);
      if (code === POSTGRES_FIRST.ssl || code === POSTGRES_FIRST.gss) {
        refusals.push(POSTGRES_TLS.none);
        continue;
      }
      if (code !== POSTGRES_FIRST.cancel && code >> 16 !== POSTGRES_FIRST.protocol3) return undefined;
      this.#isOver = true;
      if (code !== POSTGRES_FIRST.cancel) refusals.push(...postgresError({ sqlState: CONNECTION_FAILURE, text: this.#line ?? "" }));
      break;
    }
    return Uint8Array.from(refusals);
  }
}
