/**
 * One look at a service through an open connection, for an explicit open, `wait`,
 * `exec` or diagnosis; never done on a timer. Redis: a PING, any valid reply will
 * do, no credentials, and which version it is, if it says so at once; inside TLS
 * where the entry says so. MySQL and MariaDB: the
 * probe reads their greeting and then makes a login that is refused, since a
 * connection that just closes counts towards max_connect_errors and a refused
 * login does not. PostgreSQL: the question whether it speaks TLS, which needs no
 * account. MongoDB: hello, which needs none either; inside TLS like Redis. Anything
 * else: nothing is sent.
 */
import type * as net from "node:net";
import { SERVICE_TITLES } from "../../shared/contract/service-titles.ts";
import { SET_TLS, UNSET_TLS } from "../../shared/contract/tls-advice.ts";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { printable } from "../../shared/plain-text.ts";
import { MAX_GREETING_BYTES, type MySqlTls, mysqlTlsIn, refusalError, refusalIn } from "./first-words.ts";
import { bsonDocument, MONGO_HEADER_BYTES, mongoMessage, readMongoDocument, readMongoHeader } from "./mongodb-packets.ts";
import { MYSQL_ERROR_BYTES, MYSQL_HEADER_BYTES, MYSQL_PROTOCOL_10, mysqlLength } from "./mysql-packets.ts";
import { POSTGRES_TLS, readPostgresError, sslRequest } from "./postgres-packets.ts";
import { isTunnelRefusal } from "./refusal.ts";
import { isTls, startTls } from "./tls-client.ts";

/** What the service showed. */
export interface ProbeResult {
  /** One short line for people: "PONG", "MariaDB 10.11.19". Control characters are replaced. */
  readonly saw: string;
  /** "Redis 7.0.15, cluster", "MariaDB 10.11.19", if the service says so. */
  readonly product?: string | undefined;
  /** Set for MySQL and PostgreSQL, if they say something about TLS. */
  readonly tls?: MySqlTls | undefined;
}

/** How to look. */
export interface ProbeOptions {
  readonly service: Service;
  /** The service speaks TLS. Default: it does not, or, for MySQL and PostgreSQL, it need not offer TLS. */
  readonly tls?: boolean | undefined;
  readonly timeoutMs: number;
}

/** Our choice: how long more is waited for which version it is, beside twice the time that the first answer took. */
const BRIEF_MS = 300;
/** Our choice: an answer to hello has a kilobyte or two. */
const MAX_HELLO_BYTES = 64 * 1024;
/** Our choice: a Redis reply to PING is far shorter; a longer line is not from Redis. */
const MAX_REDIS_LINE_BYTES = 2_048;

/**
 * Probes `service` on a connected or connecting socket. Ends the socket, unless the service says nothing in time: the caller
 * must destroy that socket, since such a service may never close a connection that we only end.
 * @throws TunnelError BACKEND_DOWN when the service closes, says nothing in time, is another service, or contradicts the entry about TLS;
 * BACKEND_BLOCKED when the service refuses everybody or this host
 */
export function probe(socket: net.Socket, { service, tls = false, timeoutMs }: ProbeOptions): Promise<ProbeResult> {
  switch (service) {
    case "redis":
    case "redis-cluster":
      return tls ? probeInTls(socket, REDIS, timeoutMs) : exchange(socket, { ...REDIS, timeoutMs });
    case "mysql":
      return probeMySql(socket, { tls, timeoutMs });
    case "postgres":
      return probePostgres(socket, { tls, timeoutMs });
    case "mongodb":
      return tls ? probeInTls(socket, MONGO, timeoutMs) : exchange(socket, { ...MONGO, timeoutMs });
    case "tcp":
      socket.end();
      return Promise.resolve({ saw: "connected" });
  }
}

/** How a service that speaks TLS from its first byte is asked, in TLS and without. */
type Question = Omit<Exchange, "timeoutMs"> & {
  readonly service: "redis" | "mongodb";
  /** Whether bytes are those of the service without TLS. */
  readonly isIts: (head: Uint8Array) => boolean;
  /** They are not. */
  readonly strange: (head: Uint8Array) => TunnelError;
};

/** A server that ends TLS because we show no client's certificate is alive all the same. */
const TLS_ALONE: ProbeResult = { saw: "TLS, for clients with a certificate" };

async function probeInTls(socket: net.Socket, question: Question, timeoutMs: number): Promise<ProbeResult> {
  const start = await startTls(socket, timeoutMs);
  switch (start.is) {
    case "secured":
      try {
        return await exchange(start.socket, { ...question, timeoutMs });
      } catch (error) {
        if (start.isRefused()) return TLS_ALONE;
        throw error;
      }
    case "refused":
      return TLS_ALONE;
    case "other":
      throw question.isIts(start.head) ? speaksNoTls(question.service) : question.strange(start.head);
    case "closed":
      throw new TunnelError("BACKEND_DOWN", CLOSED);
    case "silent":
      throw new TunnelError("BACKEND_DOWN", silence(timeoutMs));
  }
}

/** MySQL greets in plain text, with or without TLS. TLS is judged at the end, so that the connection isn't left after the greeting. */
async function probeMySql(socket: net.Socket, { tls, timeoutMs }: Required<Omit<ProbeOptions, "service">>): Promise<ProbeResult> {
  const result = await exchange(socket, { service: "mysql", timeoutMs, read: readMySql });
  if (tls && !result.tls?.isOffered) throw speaksNoTls("mysql");
  return result;
}

/** The answer to SSLRequest is one byte. The connection is left there: a server says nothing of that in its log. */
async function probePostgres(socket: net.Socket, { tls, timeoutMs }: Required<Omit<ProbeOptions, "service">>): Promise<ProbeResult> {
  const result = await exchange(socket, { service: "postgres", timeoutMs, send: sslRequest(), read: readPostgres });
  if (tls && !result.tls?.isOffered) throw speaksNoTls("postgres");
  return result;
}

/** Whether the connection ended before the service answered. */
export function wasClosed(error: TunnelError): boolean {
  return error.reason === CLOSED;
}

const CLOSED = message("the connection was closed before the service answered: its backend is down or refuses connections");

function silence(timeoutMs: number): Message {
  return message("the service did not answer within {0} s", timeoutMs / 1000);
}

/** The service speaks TLS, but the entry says that it does not. */
export function speaksTls(): TunnelError {
  return new TunnelError("BACKEND_DOWN", message("the service speaks TLS: {0}", SET_TLS));
}

/** The service speaks no TLS, but the entry says that it does. */
export function speaksNoTls(service: Exclude<Service, "tcp">): TunnelError {
  return new TunnelError(
    "BACKEND_DOWN",
    service === "redis" ? message("Redis speaks no TLS there: {0}", UNSET_TLS) : message("the database speaks no TLS there: {0}", UNSET_TLS),
  );
}

/** What the bytes so far show. */
type Reading =
  | { readonly is: "unfinished" }
  /**
   * Enough is known. `reply` is sent once, then the other side's answer to `reply` or the end of the connection is awaited;
   * `isBrief`: not for long.
   */
  | { readonly is: "taking-leave"; readonly result: ProbeResult; readonly reply: Uint8Array | string; readonly isBrief?: true }
  | { readonly is: "done"; readonly result: ProbeResult };

interface Exchange {
  readonly service: Service;
  readonly timeoutMs: number;
  readonly send?: string | Uint8Array;
  /** @throws TunnelError */
  readonly read: (bytes: Buffer) => Reading;
}

function exchange(socket: net.Socket, { service, timeoutMs, send, read }: Exchange): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let result: ProbeResult | undefined;
    let brief: NodeJS.Timeout | undefined;
    const startMs = performance.now();
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(brief);
      socket.removeListener("data", onData);
      socket.removeListener("end", onEnd);
      socket.resume();
    };
    const finish = (act: () => void): void => {
      settle();
      socket.destroySoon();
      act();
    };
    /** Once the result is known, nothing that follows makes it worse. */
    const orFail = (why: Message): void => finish(() => (result ? resolve(result) : reject(new TunnelError("BACKEND_DOWN", why))));
    const onEnd = (): void => orFail(CLOSED);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      // The tunnel that is probed tells its clients why it can't serve them; it knows better than what it tells.
      if (isTunnelRefusal(service, received)) {
        orFail(CLOSED);
        return;
      }
      try {
        const reading = read(received);
        if (reading.is === "done") finish(() => resolve(reading.result));
        if (reading.is !== "taking-leave" || result) return;
        const known = reading.result;
        result = known;
        socket.write(reading.reply);
        if (reading.isBrief) brief = setTimeout(() => finish(() => resolve(known)), BRIEF_MS + 2 * (performance.now() - startMs));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const timer = setTimeout(() => {
      settle();
      if (result) resolve(result);
      else reject(new TunnelError("BACKEND_DOWN", silence(timeoutMs)));
    }, timeoutMs);
    socket.on("data", onData);
    socket.once("end", onEnd);
    socket.on("error", onEnd);
    socket.once("close", onEnd);
    if (send !== undefined) socket.write(send);
  });
}

/** The line does not come from Redis. */
function notRedis(line: Uint8Array): TunnelError {
  return new TunnelError(
    "BACKEND_DOWN",
    message('what answers is not Redis ("{0}"): check the target\'s service', printable(Buffer.from(line).toString("latin1")).slice(0, 40)),
  );
}

/** Whether a reply begins like RESP's simple string or error. */
function isRedis(head: Uint8Array): boolean {
  return head[0] === 0x2b || head[0] === 0x2d;
}

/** Takes any RESP reply: +PONG, or -NOAUTH, -LOADING and the like, which a live Redis says too; but no refusal. */
function readRedis(bytes: Buffer): Reading {
  const refusal = refusalIn("redis", bytes);
  if (refusal) throw refusalError("redis", refusal);
  if (isTls(bytes)) throw speaksTls();
  const end = bytes.indexOf("\r\n");
  // A reply with another first byte need not reach the end of a line.
  if (end < 0 && bytes.length <= MAX_REDIS_LINE_BYTES && isRedis(bytes)) return { is: "unfinished" };
  const line = bytes.toString("latin1", 0, end < 0 ? MAX_REDIS_LINE_BYTES : end);
  if (end < 0 || !isRedis(bytes)) {
    throw notRedis(Buffer.from(line, "latin1"));
  }
  const result = { saw: printable(line.slice(1)).slice(0, 80) };
  if (!line.startsWith("+")) return { is: "done", result };
  const said = redisProduct(bytes.toString("latin1", end + 2));
  if (said === "unasked") return { is: "taking-leave", result, reply: "INFO server\r\n", isBrief: true };
  if (said === "unfinished") return { is: "unfinished" };
  return { is: "done", result: { ...result, ...(said !== undefined && { product: said }) } };
}

/** What the answer to INFO says of the server; undefined: nothing, as it may not be asked. */
function redisProduct(answer: string): string | "unasked" | "unfinished" | undefined {
  if (answer === "") return "unasked";
  const [, length] = /^\$(\d{1,5})\r\n/.exec(answer) ?? [];
  if (length === undefined) return /^[^$]|\r\n/.test(answer) ? undefined : "unfinished";
  if (answer.length < length.length + 3 + Number(length)) return "unfinished";
  const field = (name: string): string | undefined => new RegExp(`^${name}:([\\w.+-]{1,40})\\r?$`, "m").exec(answer)?.[1];
  const [valkey, redis] = [field("valkey_version"), field("redis_version")];
  if (valkey === undefined && redis === undefined) return undefined;
  const mode = field("redis_mode") ?? field("server_mode");
  const kind = mode === undefined || mode === "standalone" ? "" : `, ${mode}`;
  return `${valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`}${kind}`;
}

/** Reads the greeting, and then any answer to our login. */
function readMySql(bytes: Buffer): Reading {
  if (bytes.length < MYSQL_HEADER_BYTES) return { is: "unfinished" };
  const length = mysqlLength(bytes);
  if (length === 0 || length > MAX_GREETING_BYTES) throw isNot("mysql");
  const end = MYSQL_HEADER_BYTES + length;
  if (bytes.length < end) return { is: "unfinished" };
  const body = bytes.subarray(MYSQL_HEADER_BYTES, end);
  const refusal = refusalIn("mysql", bytes);
  if (refusal) throw refusalError("mysql", refusal);
  const versionEnd = body.indexOf(0, 1);
  if (body[0] !== MYSQL_PROTOCOL_10 || versionEnd < 0) throw isNot("mysql");
  const tls = mysqlTlsIn(bytes);
  const saw = printable(body.toString("latin1", 1, versionEnd)).slice(0, 80);
  // MariaDB 10 puts 5.5.5- first, so that old replicas accept it.
  const [, mariadb] = /^(?:5\.5\.5-)?([\d.]+)-MariaDB/i.exec(saw) ?? [];
  const result = { saw, product: mariadb === undefined ? `MySQL ${saw}` : `MariaDB ${mariadb}`, ...(tls && { tls }) };
  if (bytes.length < end + MYSQL_HEADER_BYTES + MYSQL_ERROR_BYTES) return { is: "taking-leave", result, reply: refusedLogin() };
  return { is: "done", result };
}

/** Reads the answer to SSLRequest. */
function readPostgres(bytes: Buffer): Reading {
  const refusal = refusalIn("postgres", bytes);
  if (refusal) throw refusalError("postgres", refusal);
  const said = readPostgresError(bytes);
  if (said === "unfinished") return { is: "unfinished" };
  // Some poolers answer with an error about the account that was not named: they are alive.
  if (said) return { is: "done", result: { saw: printable(`PostgreSQL (${said.text})`).slice(0, 80) } };
  const [answer] = bytes;
  if (bytes.length !== 1 || (answer !== POSTGRES_TLS.offered && answer !== POSTGRES_TLS.none)) {
    throw isNot("postgres");
  }
  const isOffered = answer === POSTGRES_TLS.offered;
  return { is: "done", result: { saw: isOffered ? "PostgreSQL, with TLS" : "PostgreSQL", product: "PostgreSQL", tls: { isOffered, isDemanded: false } } };
}

const REDIS: Question = { service: "redis", send: "PING\r\n", read: readRedis, isIts: isRedis, strange: notRedis };
const MONGO: Question = {
  service: "mongodb",
  send: mongoMessage(bsonDocument({ hello: 1, $db: "admin" }), { requestId: 1, responseTo: 0 }),
  read: readMongo,
  isIts: (head) => readMongoHeader(head) !== undefined,
  strange: () => isNot("mongodb"),
};

/** Another service answers. */
function isNot(service: Service): TunnelError {
  return new TunnelError("BACKEND_DOWN", message("what answers is not {0}: check the target's service", SERVICE_TITLES[service]));
}

/** Takes any answer to hello, errors too: an old server does not know that command. */
function readMongo(bytes: Buffer): Reading {
  if (isTls(bytes)) throw speaksTls();
  if (bytes.length < MONGO_HEADER_BYTES) return { is: "unfinished" };
  const header = readMongoHeader(bytes);
  if (!header || header.length > MAX_HELLO_BYTES) throw isNot("mongodb");
  if (bytes.length < header.length) return { is: "unfinished" };
  const refusal = refusalIn("mongodb", bytes);
  if (refusal) throw refusalError("mongodb", refusal);
  const said = readMongoDocument(bytes);
  if (said?.get("ok") === undefined) throw isNot("mongodb");
  const [set, router] = [said.get("setName"), said.get("msg") === "isdbgrid"];
  const saw = router ? "MongoDB, mongos" : typeof set === "string" ? `MongoDB, replica set ${set}` : "MongoDB";
  const product = printable(saw).slice(0, 80);
  return { is: "done", result: { saw: product, product } };
}

/** HandshakeResponse41 of a user that does not exist, with an empty password: the server answers with error 1045. */
function refusedLogin(): Buffer {
  const capabilities = 0x0000_8200; // CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION
  const body = Buffer.alloc(32);
  body.writeUInt32LE(capabilities, 0);
  body.writeUInt32LE(1024 * 1024, 4); // largest packet
  body[8] = 33; // utf8
  const payload = Buffer.concat([body, Buffer.from("tunneld-probe\0"), Buffer.from([0])]);
  const header = Buffer.alloc(MYSQL_HEADER_BYTES);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = 1;
  return Buffer.concat([header, payload]);
}
