/**
 * The MariaDB half of `npm start`: the steps through the tunnel, with mysql2, as an application would use it.
 * Same exports as demo-redis.mjs.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Failure } from "./failure.mjs";
import { startMariaDb } from "./mariadb.mjs";
import { sha256 } from "./project.mjs";

const VALUE_BYTES = 10_000_000;
const MANY = 20;
/** The first byte after a MySQL greeting's four-byte header. */
const PROTOCOL_VERSION = 10;

export const group = "mariadb";
export const label = "MariaDB";
export const start = startMariaDb;
/** A MySQL client waits for the server's greeting. */
export const firstWords = "";
export const message = "attack at dawn";

export function answersAt(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(3000, () => socket.destroy());
    socket.once("data", (bytes) => {
      resolve(bytes[4] === PROTOCOL_VERSION);
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(false));
  });
}

export async function open(port, { user, password, database }) {
  const { createConnection } = await import("mysql2/promise");
  const client = await createConnection({ host: "127.0.0.1", port, user, password, database });
  // A connection that is cut while idle must not end the script: its next query gets the error.
  client.on("error", () => {});
  return client;
}

export async function close(client) {
  client.destroy();
}

export function steps(client, port, server) {
  return [
    ["SELECT 6 * 7", async () => `→ ${await one(client, "SELECT 6 * 7")}`],
    ["10 MB stored and read back", () => roundTrip(client)],
    ["SELECT VERSION()", async () => `→ ${await one(client, "SELECT VERSION()")}`],
    [`${MANY} more connections at once`, () => manyConnections(client, port, server)],
  ];
}

async function roundTrip(client) {
  const value = randomBytes(VALUE_BYTES);
  await client.query("CREATE TEMPORARY TABLE blobs (value LONGBLOB)");
  await client.query("INSERT INTO blobs VALUES (?)", [value]);
  const back = await one(client, "SELECT value FROM blobs");
  await client.query("DROP TEMPORARY TABLE blobs");
  const [sent, got] = [sha256(value), sha256(back ?? "")];
  if (sent !== got) throw new Failure(`The value came back altered: sent SHA-256 ${sent}, got ${got}. Please report this.`);
  return `→ SHA-256 ${sent.slice(0, 16)}… both times`;
}

async function manyConnections(client, port, server) {
  const others = await Promise.all(Array.from({ length: MANY }, () => open(port, server)));
  try {
    await Promise.all(others.map((other) => other.query("SELECT 1")));
    return `→ Threads_connected ${await status(client, "Threads_connected")}`;
  } finally {
    for (const other of others) other.destroy();
  }
}

async function one(client, sql) {
  const [rows] = await client.query({ sql, rowsAsArray: true });
  return rows[0]?.[0];
}

async function status(client, name) {
  const [rows] = await client.query({ sql: `SHOW GLOBAL STATUS LIKE '${name}'`, rowsAsArray: true });
  return Number(rows[0]?.[1]);
}

export async function speak(client) {
  await client.query(`SELECT '${message}'`);
}

export async function seen(client) {
  return { connections: await status(client, "Connections") };
}

export function tryCommand(port, { tools, server }) {
  return `${tools.mariadb} --defaults-file=${server.defaultsFile} --port=${port} ${server.database}`;
}
