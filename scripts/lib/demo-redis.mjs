/**
 * The Redis half of `npm start`: the steps through the tunnel, with ioredis, as an application would use it.
 * demo-mysql.mjs has the same exports; start.mjs knows only these.
 */
import { randomBytes } from "node:crypto";
import { Failure } from "./failure.mjs";
import { sha256 } from "./project.mjs";
import { answersAt as redisAnswersAt, startRedis } from "./redis.mjs";

const VALUE_BYTES = 10_000_000;
const MANY = 20;

export const group = "redis";
export const label = "Redis";
export const start = startRedis;
/** What a plain client says first. */
export const firstWords = "PING\r\n";
/** The text that is searched for in the bytes on the wire. */
export const message = "attack at dawn";

/** True if exactly this Redis answers at `port`. */
export const answersAt = (port, server) => redisAnswersAt(port, server.pid);

export async function open(port) {
  const { Redis } = await import("ioredis");
  // No retries: the demonstration says at once what went wrong.
  const client = new Redis({
    port,
    host: "127.0.0.1",
    lazyConnect: true,
    retryStrategy: null,
    enableReadyCheck: false,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

export async function close(client) {
  client.disconnect();
}

/** The steps through the tunnel: [label, function that returns the detail]. */
export function steps(client, port) {
  return [
    ["PING", async () => `→ ${await client.ping()}`],
    ["10 MB set and read back", () => roundTrip(client)],
    ["INFO server", async () => `→ redis_version:${await field(client, "server", "redis_version")}`],
    [`${MANY} more connections at once`, () => manyConnections(client, port)],
  ];
}

async function roundTrip(client) {
  const value = randomBytes(VALUE_BYTES);
  await client.set("ten-megabytes", value);
  const back = await client.getBuffer("ten-megabytes");
  await client.del("ten-megabytes");
  const [sent, got] = [sha256(value), sha256(back ?? "")];
  if (sent !== got) throw new Failure(`The value came back altered: sent SHA-256 ${sent}, got ${got}. Please report this.`);
  return `→ SHA-256 ${sent.slice(0, 16)}… both times`;
}

async function manyConnections(client, port) {
  const others = await Promise.all(Array.from({ length: MANY }, () => open(port)));
  try {
    await Promise.all(others.map((other) => other.ping()));
    return `→ connected_clients:${await field(client, "clients", "connected_clients")}`;
  } finally {
    for (const other of others) other.disconnect();
  }
}

async function field(client, section, name) {
  return new RegExp(`^${name}:(.*?)\r?$`, "m").exec(await client.info(section))?.[1] ?? "?";
}

/** One command whose bytes are shown. */
export async function speak(client) {
  await client.set("order", message);
}

/** The server's counts so far: they show that a plain client changed nothing. */
export async function seen(client) {
  const pings = /cmdstat_ping:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? "0";
  return { connections: Number(await field(client, "stats", "total_connections_received")), PINGs: Number(pings) };
}

export function tryCommand(port, { tools }) {
  return `${tools.redisCli} -p ${port}`;
}
