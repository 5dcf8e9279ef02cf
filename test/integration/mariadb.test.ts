/**
 * A real MariaDB through both our ends, with the clients people use: mysql2, mariadb and mariadb-dump.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import mysql from "mysql2";
import { startTunnel, type Tunnel } from "../support/process/ends.ts";
import { peakResidentBytes, residentBytes } from "../support/process/proc-info.ts";
import { run } from "../support/process/run.ts";
import { startMariaDb, tools } from "../support/servers.ts";
import { type Stage, stageForAll, stageForEach } from "../support/stage.ts";

const MIB = 1024 * 1024;
const ROWS = 200;
const MAX_RISE_BYTES = 64 * MIB;
/** 200 rows of a megabyte each, made while they are sent. */
const LARGE_RESULT = `WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
  SELECT i, REPEAT(CHAR(97 + i MOD 26 USING ascii), 1000000) AS text FROM n`;

type Database = Awaited<ReturnType<typeof startMariaDb>>;

describe("MariaDB through a tunnel", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let database: Database;
  let tunnel: Tunnel;

  before(async () => {
    database = await startMariaDb();
    all.own(() => database.stop());
    tunnel = await startTunnel(all, { target: `[127.0.0.1]:${database.port}` });
  });

  function port(): number {
    return Number(tunnel.address.slice(tunnel.address.lastIndexOf(":") + 1));
  }

  function connect(more: mysql.ConnectionOptions = {}): mysql.Connection {
    const { user, password, database: name } = database;
    const connection = mysql.createConnection({ host: "127.0.0.1", port: port(), user, password, database: name, ...more });
    stage.own(() => connection.destroy());
    return connection;
  }

  async function query(sql: string, values: readonly unknown[] = [], connection = connect()): Promise<Record<string, unknown>[]> {
    const [rows] = await connection.promise().query(sql, [...values]);
    return rows as Record<string, unknown>[];
  }

  /** A client program; its connection settings come from a file, with the tunnel's port. */
  function program(name: "mariadb" | "mariadbDump", args: readonly string[], input = "") {
    const file = clientFile(stage, database, port());
    return run(stage, [tools()[name], `--defaults-file=${file}`, ...args], { input });
  }

  it("answers a query", async () => {
    assert.deepEqual(await query("SELECT 6 * 7 AS answer"), [{ answer: 42 }]);
  });

  it("runs prepared statements with every kind of parameter", async () => {
    const connection = connect().promise();
    const blob = randomBytes(100_000);
    const [rows] = await connection.execute("SELECT ? AS number, ? AS text, ? AS nothing, ? AS bytes", [1234, "grüße", null, blob]);
    const [row] = rows as { number: number; text: string; nothing: null; bytes: Buffer }[];
    assert.deepEqual([Number(row?.number), row?.text, row?.nothing], [1234, "grüße", null]);
    assert.equal(Buffer.compare(Buffer.from(row?.bytes ?? []), blob), 0);
  });

  it("runs one prepared statement 2,000 times", async () => {
    const connection = connect().promise();
    for (let index = 0; index < 2_000; index++) {
      const [rows] = await connection.execute("SELECT ? + 1 AS next", [index]);
      assert.equal(Number((rows as { next: number }[])[0]?.next), index + 1);
    }
  });

  it("streams a result of 200 MB without either end growing", async () => {
    const ends = [tunnel.client.program.pid, tunnel.server.program.pid];
    const before = ends.map(residentBytes);
    const connection = connect();
    let rows = 0;
    let wrong = 0;
    for await (const row of connection.query(LARGE_RESULT).stream({ highWaterMark: 2 })) {
      const { i, text } = row as { i: number; text: string };
      rows += 1;
      if (Number(i) !== rows || text !== String.fromCharCode(97 + (rows % 26)).repeat(1_000_000)) wrong += 1;
    }
    assert.deepEqual([rows, wrong], [ROWS, 0]);
    for (const [index, pid] of ends.entries()) {
      const rise = peakResidentBytes(pid) - (before[index] ?? 0);
      assert.ok(rise < MAX_RISE_BYTES, `end ${index} took ${Math.round(rise / MIB)} MiB more`);
    }
  });

  it("takes LOAD DATA LOCAL with a megabyte of rows", async () => {
    const connection = connect({ infileStreamFactory: () => Readable.from(lines(50_000)) });
    await query("CREATE TEMPORARY TABLE loaded (id INT PRIMARY KEY, text VARCHAR(40))", [], connection);
    await query("LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded FIELDS TERMINATED BY ','", [], connection);
    const [sum] = await query("SELECT COUNT(*) AS rows_there, SUM(id) AS ids, MAX(text) AS last FROM loaded", [], connection);
    assert.deepEqual([Number(sum?.["rows_there"]), Number(sum?.["ids"]), sum?.["last"]], [50_000, (50_000 * 49_999) / 2, "row number 9999"]);
  });

  it("returns a value of 30 MB unaltered", async () => {
    const connection = connect();
    const value = randomBytes(30_000_000);
    await query("CREATE TEMPORARY TABLE big (bytes LONGBLOB)", [], connection);
    await query("INSERT INTO big VALUES (?)", [value], connection);
    const [row] = await query("SELECT bytes FROM big", [], connection);
    assert.equal(digest(row?.["bytes"] as Buffer), digest(value));
  });

  it("serves 50 connections at once", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => query("SELECT ? AS own", [index])));
    assert.deepEqual(
      answers.map(([row]) => Number(row?.["own"])),
      answers.map((_, index) => index),
    );
  });

  it("works with the mariadb client", async () => {
    const { code, stdout, stderr } = await program("mariadb", ["--batch", "--skip-column-names"], "SELECT 'through', 6 * 7;");
    assert.deepEqual([code, stdout.toString(), stderr], [0, "through\t42\n", ""]);
  });

  it("works with mariadb-dump, and the dump can be read back in through the tunnel", async () => {
    const fill = "INSERT INTO d (text) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT MD5(i) FROM n";
    await query("CREATE OR REPLACE TABLE d (id INT AUTO_INCREMENT PRIMARY KEY, text TEXT)");
    await query(fill);
    const checksum = async (): Promise<unknown> => (await query("SELECT COUNT(*) AS n, MD5(GROUP_CONCAT(text ORDER BY id)) AS md5 FROM d"))[0];
    const before = await checksum();
    const dump = await program("mariadbDump", ["--single-transaction", database.database, "d"]);
    assert.equal(dump.code, 0);
    await query("DROP TABLE d");
    const restored = await program("mariadb", [database.database], dump.stdout.toString());
    assert.deepEqual([restored.code, restored.stderr], [0, ""]);
    assert.deepEqual(await checksum(), before);
    await query("DROP TABLE d");
  });

  it("passes MariaDB's own refusal of a wrong password on", async () => {
    await assert.rejects(query("SELECT 1", [], connect({ password: "wrong" })), { code: "ER_ACCESS_DENIED_ERROR" });
  });
});

/** Rows of a text file, a thousand a chunk. */
function* lines(count: number): Generator<Buffer> {
  for (let start = 0; start < count; start += 1_000) {
    yield Buffer.from(Array.from({ length: 1_000 }, (_, index) => `${start + index},row number ${start + index}\n`).join(""));
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function clientFile(stage: Stage, { user, password }: Database, port: number): string {
  const file = stage.path("client.cnf");
  const settings = ["[client]", `user=${user}`, `password=${password}`, "host=127.0.0.1", `port=${port}`, "protocol=tcp", ""];
  writeFileSync(file, settings.join("\n"), { mode: 0o600 });
  return file;
}
