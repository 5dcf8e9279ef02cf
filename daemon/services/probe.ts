/**
 * One look at a service through an open connection, for an explicit open, `wait`,
 * `exec` or diagnosis; never done on a timer. Redis: a PING, any valid reply
 * will do, no credentials. MySQL and MariaDB: their greeting, ended with a login
 * that is refused, since a connection that just closes counts towards
 * max_connect_errors and a refused login does not. Anything else: nothing is sent.
 */
import type * as net from "node:net";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { MAX_GREETING_BYTES, MYSQL_HEADER_BYTES, MYSQL_PROTOCOL_10, printable, refusalError, refusalIn } from "./first-words.ts";

/** What the service showed. */
export interface ProbeResult {
  /** One short line for people: "PONG", "MariaDB 10.11.19". Control characters are replaced. */
  readonly saw: string;
}

/** Our choice: a Redis reply to PING takes far less; a longer line is something else's. */
const MAX_REDIS_LINE_BYTES = 2_048;

/**
 * Probes `service` on a connected or connecting socket. It ends the socket, but for one that says nothing in time: that
 * is left to the caller, as such a service may never end a connection that is only ended.
 * @throws TunnelError BACKEND_DOWN when it closes or says nothing in time, or something else; BACKEND_BLOCKED when it refuses everybody or this host
 */
export function probe(socket: net.Socket, options: { readonly service: Service; readonly timeoutMs: number }): Promise<ProbeResult> {
  switch (options.service) {
    case "redis":
      return exchange(socket, { timeoutMs: options.timeoutMs, send: "PING\r\n", read: readRedis });
    case "mysql":
      return exchange(socket, { timeoutMs: options.timeoutMs, read: readMySql });
    case "tcp":
      socket.end();
      return Promise.resolve({ saw: "connected" });
  }
}

/** What the bytes so far show. */
type Reading =
  | { readonly is: "unfinished" }
  /** Enough is known; `reply` is sent, if it was not yet, and the other side's answer to it or its end is awaited. */
  | { readonly is: "taking-leave"; readonly result: ProbeResult; readonly reply: Uint8Array }
  | { readonly is: "done"; readonly result: ProbeResult };

interface Exchange {
  readonly timeoutMs: number;
  readonly send?: string;
  /** @throws TunnelError */
  readonly read: (bytes: Buffer) => Reading;
}

function exchange(socket: net.Socket, { timeoutMs, send, read }: Exchange): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let result: ProbeResult | undefined;
    const settle = (): void => {
      clearTimeout(timer);
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
    const orFail = (message: string): void => finish(() => (result ? resolve(result) : reject(new TunnelError("BACKEND_DOWN", message))));
    const onEnd = (): void => orFail("the connection was closed before the service answered: its backend is down or refuses connections");
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      try {
        const reading = read(received);
        if (reading.is === "done") finish(() => resolve(reading.result));
        if (reading.is !== "taking-leave" || result) return;
        result = reading.result;
        socket.write(reading.reply);
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const timer = setTimeout(() => {
      settle();
      if (result) resolve(result);
      else reject(new TunnelError("BACKEND_DOWN", `the service did not answer within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    socket.on("data", onData);
    socket.once("end", onEnd);
    socket.on("error", onEnd);
    socket.once("close", onEnd);
    if (send !== undefined) socket.write(send);
  });
}

/** Any RESP reply: +PONG, or -NOAUTH, -LOADING and the like, which a live Redis says too; but none that turns us away. */
function readRedis(bytes: Buffer): Reading {
  const refusal = refusalIn("redis", bytes);
  if (refusal) throw refusalError("redis", refusal);
  const end = bytes.indexOf("\r\n");
  if (end < 0 && bytes.length <= MAX_REDIS_LINE_BYTES) return { is: "unfinished" };
  const line = bytes.toString("latin1", 0, end < 0 ? MAX_REDIS_LINE_BYTES : end);
  if (end < 0 || !/^[+-]/.test(line)) {
    throw new TunnelError("BACKEND_DOWN", `what answers is not Redis ("${printable(line).slice(0, 40)}"): check the target's service`);
  }
  return { is: "done", result: { saw: printable(line.slice(1)).slice(0, 80) } };
}

/** The greeting, and then whatever answers our login. */
function readMySql(bytes: Buffer): Reading {
  const notMySql = new TunnelError("BACKEND_DOWN", "what answers is not MySQL: check the target's service");
  if (bytes.length < MYSQL_HEADER_BYTES) return { is: "unfinished" };
  const length = bytes.readUIntLE(0, 3);
  if (length === 0 || length > MAX_GREETING_BYTES) throw notMySql;
  const end = MYSQL_HEADER_BYTES + length;
  if (bytes.length < end) return { is: "unfinished" };
  const body = bytes.subarray(MYSQL_HEADER_BYTES, end);
  const refusal = refusalIn("mysql", bytes);
  if (refusal) throw refusalError("mysql", refusal);
  const versionEnd = body.indexOf(0, 1);
  if (body[0] !== MYSQL_PROTOCOL_10 || versionEnd < 0) throw notMySql;
  const result = { saw: printable(body.toString("latin1", 1, versionEnd)).slice(0, 80) };
  return bytes.length > end ? { is: "done", result } : { is: "taking-leave", result, reply: refusedLogin() };
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
