/**
 * What a program is told when its tunnel has no connection for it: a sentence in
 * the protocol that it speaks, in place of a closed socket. Only where nothing has
 * come back from the service yet, and only to a program that speaks that protocol.
 * One file for each service; a service without one is closed. Pure.
 */
import { CODES, PLACES } from "../../shared/contract/codes.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { readMongoDocument } from "./mongodb-packets.ts";
import { MongoRefuser } from "./mongodb-refusal.ts";
import { MySqlRefuser, readMySqlRefusal } from "./mysql-refusal.ts";
import { readPostgresError } from "./postgres-packets.ts";
import { CONNECTION_FAILURE, PostgresRefuser } from "./postgres-refusal.ts";
import { RedisRefuser } from "./redis-refusal.ts";
import type { Refuser } from "./refuser.ts";

/** Our choice: MySQL's clients keep 512 bytes of an error; the cure must fit in. */
const MAX_LINE_CHARS = 400;
const MAX_CAUSE_CHARS = 220;
/** How a line of ours begins, so that we know it again. */
const BEGINNING = /^tunnel "[^"]*": [A-Z_]+: /;

/** A refuser for one client of `service`; undefined: clients of it are closed. */
export function refuserOf(service: Service, tls: boolean): Refuser | undefined {
  switch (service) {
    // Inside TLS nobody but the service can say anything.
    case "redis":
    case "redis-cluster":
      return tls ? undefined : new RedisRefuser();
    case "mongodb":
      return tls ? undefined : new MongoRefuser();
    case "mysql":
      return new MySqlRefuser();
    case "postgres":
      return new PostgresRefuser();
    case "tcp":
      return undefined;
  }
}

/** Code, cause and cure in one line of printable text. */
export function refusalLine(name: string, error: TunnelError): string {
  const cure = PLACES[CODES[error.code].place].first.replaceAll("`", "");
  const cause = plainText(error.message.replace(/[.\s]+$/, ""), { maxLength: MAX_CAUSE_CHARS });
  return plainText(`tunnel "${name}": ${error.code}: ${cause}; ${cure}`.replace(/\s+/g, " "), { maxLength: MAX_LINE_CHARS });
}

/** Whether these first bytes of a service are a refusal by a tunnel on the way to it. */
export function isTunnelRefusal(service: Service, head: Uint8Array): boolean {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return BEGINNING.test(/^-ERR (.*)/.exec(String.fromCharCode(...head.subarray(0, MAX_LINE_CHARS)))?.[1] ?? "");
    case "mysql":
      return BEGINNING.test(readMySqlRefusal(head) ?? "");
    case "postgres": {
      const error = readPostgresError(head);
      return typeof error === "object" && error.sqlState === CONNECTION_FAILURE && BEGINNING.test(error.text);
    }
    case "mongodb":
      return BEGINNING.test(String(readMongoDocument(head)?.get("errmsg") ?? ""));
    case "tcp":
      return false;
  }
}
