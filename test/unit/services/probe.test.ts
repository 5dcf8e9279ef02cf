/** What a probe sends to a service, and how it judges the answer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as net from "node:net";
import * as tls from "node:tls";
import { BSON, ObjectId } from "mongodb";
import { bsonDocument, mongoMessage } from "../../../daemon/services/mongodb-packets.ts";
import { postgresError } from "../../../daemon/services/postgres-packets.ts";
import { probe } from "../../../daemon/services/probe.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { PROTECTED_MODE, PROTECTED_MODE_TEXT } from "../../support/refusals.ts";
import { stageForEach } from "../../support/stage.ts";
import { ascii, join, toHex } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { type Backend, startBackend } from "../../support/wire/peer.ts";

/** A fatal handshake_failure. RFC 8446, 6. */
const TLS_ALERT = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40);

describe("a probe", () => {
  const scope = stageForEach();
  const stage = stageForEach();
  type Service = Parameters<typeof probe>[1]["service"];

  async function start(service: Service, { timeoutMs = 60_000, tls = false } = {}) {
    const backend: Backend = await startBackend(scope);
    const socket = scope.own(net.connect(backend.port, "127.0.0.1"), (open) => open.destroy());
    return { backend, socket, result: probe(socket, { service, tls, timeoutMs }) };
  }

  /** The result of a probe that gets these bytes, after which the service closes if told to. */
  async function answered(service: Service, ...pieces: readonly Uint8Array[]) {
    const { backend, result } = await start(service);
    const peer = await backend.accept();
    for (const piece of pieces) peer.write(piece);
    return result;
  }

  const mongoAnswer = (document: Uint8Array): Uint8Array => mongoMessage(document, { requestId: 7, responseTo: 1 });
  const mysqlPacket = (body: Uint8Array, sequence = 0): Uint8Array => join(Uint8Array.of(body.length & 0xff, body.length >> 8, 0, sequence), body);
  const greeting = mysqlPacket(join(Uint8Array.of(10), ascii("10.11.19-MariaDB"), new Uint8Array(60)));
  const mysqlError = (code: number, text: string, sequence = 0): Uint8Array =>
    mysqlPacket(join(Uint8Array.of(0xff, code & 0xff, code >> 8), ascii(text)), sequence);

  describe("of PostgreSQL", () => {
    const error = (sqlState: string, text: string): Uint8Array => postgresError({ sqlState, text });

    it("asks whether TLS is spoken, and nothing else", async () => {
      const { backend, result } = await start("postgres");
      const peer = await backend.accept();
      assert.equal(toHex(await peer.read(8)), "0000000804d2162f");
      peer.write(ascii("N"));
      assert.deepEqual(await result, { saw: "PostgreSQL", product: "PostgreSQL", tls: { isOffered: false, isDemanded: false } });
      assert.equal(await peer.ending(), "end");
    });

    it("sees that TLS is offered, and takes none for a fault only if the entry says TLS", async () => {
      assert.equal((await answered("postgres", ascii("S"))).saw, "PostgreSQL, with TLS");
      const { backend, result } = await start("postgres", { tls: true });
      (await backend.accept()).write(ascii("N"));
      assert.match((await rejectionOf(result)).message, /speaks no TLS/);
    });

    it("takes an error about an account for a sign of life, and says who turns everybody away", async () => {
      assert.deepEqual(await answered("postgres", error("08P01", "no user")), { saw: "PostgreSQL (no user)" });
      for (const [sqlState, text, code] of [
        ["53300", "sorry, too many clients already", "BACKEND_BLOCKED"],
        ["28000", 'no pg_hba.conf entry for host "10.0.0.7"', "BACKEND_BLOCKED"],
        ["57P03", "the database system is starting up", "BACKEND_DOWN"],
      ] as const) {
        const failure = await rejectionOf(answered("postgres", error(sqlState, text).subarray(0, 9), error(sqlState, text).subarray(9)));
        assert.deepEqual([failure.code, failure.message.includes(text)], [code, true]);
      }
    });

    it("takes nothing else for PostgreSQL, and no refusal of a tunnel for its word", async () => {
      for (const said of [ascii("+PONG\r\n"), greeting, ascii("SSH-2.0-x\r\n"), ascii("NN")])
        assert.match((await rejectionOf(answered("postgres", said))).message, /is not PostgreSQL/);
      const failure = await rejectionOf(answered("postgres", error("08006", 'tunnel "db": BACKEND_DOWN: no')));
      assert.match(failure.message, /closed before the service answered/);
    });
  });

  describe("of MongoDB", () => {
    // No server of MongoDB can be had from Debian's packages: these are answers as its documentation has them.
    const answer = (fields: Readonly<Record<string, string | number>>): Uint8Array => mongoMessage(bsonDocument(fields), { requestId: 7, responseTo: 1 });

    it("sends hello, and needs no account", async () => {
      const { backend, result } = await start("mongodb");
      const peer = await backend.accept();
      const header = await peer.read(16);
      const asked = await peer.read((header[0] ?? 0) - 16);
      assert.deepEqual(BSON.deserialize(asked.subarray(5)), { hello: 1, $db: "admin" });
      peer.write(mongoAnswer(BSON.serialize({ topologyVersion: { processId: new ObjectId(), counter: 6n }, hosts: ["a:27017"], setName: "rs0", ok: 1 })));
      assert.deepEqual(await result, { saw: "MongoDB, replica set rs0", product: "MongoDB, replica set rs0" });
    });

    it("takes any answer for a sign of life, but not that of a server that goes down", async () => {
      assert.equal((await answered("mongodb", answer({ msg: "isdbgrid", ok: 1 }))).saw, "MongoDB, mongos");
      assert.equal(
        (
          await answered(
            "mongodb",
            answer({ ok: 0, errmsg: "no such command: 'hello'", code: 59 }).subarray(0, 20),
            answer({ ok: 0, errmsg: "no such command: 'hello'", code: 59 }).subarray(20),
          )
        ).saw,
        "MongoDB",
      );
      assert.match((await rejectionOf(answered("mongodb", answer({ ok: 0, errmsg: "The server is in quiesce mode", code: 91 })))).message, /quiesce mode/);
    });

    it("takes nothing else for MongoDB", async () => {
      for (const said of [ascii("+PONG\r\n 16 bytes at least"), join(greeting, greeting), answer({ hello: 1 })])
        assert.match((await rejectionOf(answered("mongodb", said))).message, /is not MongoDB/);
      assert.match((await rejectionOf(answered("mongodb", TLS_ALERT))).message, /speaks TLS/);
    });
  });

  const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

  describe("of Redis", () => {
    it("sends PING, and once that is answered asks which version it is, and nothing else", async () => {
      const { backend, result } = await start("redis");
      const peer = await backend.accept();
      assert.equal(Buffer.from(await peer.read(6)).toString(), "PING\r\n");
      peer.write(ascii("+PONG\r\n"));
      assert.equal(Buffer.from(await peer.read(13)).toString(), "INFO server\r\n");
      const said = "# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\nos:Linux\r\n";
      for (const piece of [`$${said.length}\r\n`, said.slice(0, 20), said.slice(20), "\r\n"]) peer.write(ascii(piece));
      assert.deepEqual(await result, { saw: "PONG", product: "Redis 7.0.15, cluster" });
      assert.equal(await peer.ending(), "end");
    });

    for (const [what, answer, product] of [
      ["Redis", bulk("redis_version:6.2.1\r\nredis_mode:standalone\r\n"), "Redis 6.2.1"],
      ["Valkey", bulk("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\nserver_mode:sentinel\r\n"), "Valkey 8.0.1, sentinel"],
      ["one that does not let us ask", "-NOPERM User default has no permissions\r\n", undefined],
      ["one that says nothing of it", bulk("os:BSD\r\n"), undefined],
      ["one that says something odd", bulk("redis_version:\u0007<b>7</b>\r\n"), undefined],
      ["one that is not Redis", "*1\r\n", undefined],
      ["one that closes on the question", "", undefined],
    ] as const) {
      it(`names ${product ?? "no version"} of ${what}`, async () => {
        const { backend, result } = await start("redis");
        const peer = await backend.accept();
        await peer.read(6);
        peer.write(ascii("+PONG\r\n"));
        await peer.read(13);
        peer.write(ascii(answer));
        if (answer === "") await peer.end();
        assert.deepEqual(await result, { saw: "PONG", ...(product !== undefined && { product }) });
      });
    }

    it("does not wait for an answer that does not come", async () => {
      const { backend, result } = await start("redis");
      const peer = await backend.accept();
      await peer.read(6);
      peer.write(ascii("+PONG\r\n"));
      assert.deepEqual(await result, { saw: "PONG" });
      assert.equal(await peer.ending(), "end");
    });

    for (const [answer, saw] of [
      ["-NOAUTH Authentication required.\r\n", "NOAUTH Authentication required."],
      ["-LOADING Redis is loading\r\n", "LOADING Redis is loading"],
      ["-ERR \u001b[31mred\r\n", "ERR ?[31mred"],
    ] as const) {
      it(`takes ${JSON.stringify(answer)} for a sign of life`, async () => {
        assert.deepEqual(await answered("redis", ascii(answer)), { saw });
      });
    }

    for (const [what, refusal, text] of [
      ["protected mode", PROTECTED_MODE, PROTECTED_MODE_TEXT],
      ["its limit of clients", "-ERR max number of clients reached\r\n", "ERR max number of clients reached"],
    ] as const)
      it(`says BACKEND_BLOCKED when Redis turns everybody away by ${what}, however its reply is split`, async () => {
        for (const cut of [refusal.length, Math.min(1_024, refusal.length - 1), 7]) {
          const error = await rejectionOf(answered("redis", ascii(refusal.slice(0, cut)), ascii(refusal.slice(cut))));
          assert.equal(error.code, "BACKEND_BLOCKED");
          if (cut > 200 || cut === refusal.length) assert.equal(error.message, `Redis refuses connections: ${text}`);
        }
      });

    it("reads an answer that comes byte by byte", async () => {
      const { backend, result } = await start("redis");
      const peer = await backend.accept();
      for (const byte of ascii("+PONG\r\n")) peer.write(Uint8Array.of(byte));
      assert.deepEqual(await result, { saw: "PONG" });
    });

    it("says so when another service answers, however long its answer is", async () => {
      for (const answer of ["HTTP/1.1 400 Bad Request\r\n", "x".repeat(100_000)]) {
        const error = await rejectionOf(answered("redis", ascii(answer)));
        assert.equal(error.code, "BACKEND_DOWN");
        assert.match(error.message, /not Redis/);
      }
    });
  });

  describe("of Redis with TLS", () => {
    /** A TLS server that does this with a client. */
    async function startTlsServer(serve: (socket: tls.TLSSocket) => void, more: tls.TlsOptions = {}) {
      const { cert, key } = makeCertificate(stage);
      const server = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(cert), ...more }, serve);
      server.on("tlsClientError", () => {});
      server.on("connection", (socket) => scope.own(socket, (open) => open.destroy()));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      scope.own(server, (one) => one.close());
      const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
      return scope.own(socket, (open) => open.destroy());
    }

    const look = (socket: net.Socket) => probe(socket, { service: "redis", tls: true, timeoutMs: 5_000 });

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const only = { minVersion: version, maxVersion: version };

      it(`sends PING inside ${version} and nothing else, whoever signed the certificate`, async () => {
        const heard: string[] = [];
        const answer = (socket: tls.TLSSocket): void => {
          socket.on("data", (chunk: Buffer) => {
            heard.push(chunk.toString());
            socket.write("-NOAUTH Authentication required.\r\n");
          });
        };
        assert.deepEqual(await look(await startTlsServer(answer, only)), { saw: "NOAUTH Authentication required." });
        assert.deepEqual(heard, ["PING\r\n"]);
      });

      it(`takes a server of ${version} that wants a client's certificate for alive`, async () => {
        const strict = { ...only, requestCert: true, rejectUnauthorized: true };
        assert.match((await look(await startTlsServer((socket) => void socket.on("error", () => {}), strict))).saw, /^TLS, for clients with a certificate/);
      });

      it(`says BACKEND_DOWN when a server ends ${version} without an answer: TLS alone is not Redis`, async () => {
        const error = await rejectionOf(look(await startTlsServer((socket) => void socket.once("data", () => socket.end()), only)));
        assert.deepEqual([error.code, /TLS/.test(error.message)], ["BACKEND_DOWN", false]);
      });

      it(`says BACKEND_BLOCKED when Redis turns everybody away inside ${version}`, async () => {
        assert.equal((await rejectionOf(look(await startTlsServer((socket) => void socket.end(PROTECTED_MODE), only)))).code, "BACKEND_BLOCKED");
      });
    }

    it("takes an alert for a sign of life: a server that sends one speaks TLS", async () => {
      const { backend, result } = await start("redis", { tls: true });
      const peer = await backend.accept();
      await peer.read(5);
      peer.write(TLS_ALERT);
      assert.match((await result).saw, /^TLS/);
    });

    it("says that there is no TLS when Redis answers in plain text", async () => {
      const { backend, result } = await start("redis", { tls: true });
      (await backend.accept()).write(ascii("-ERR unknown command\r\n"));
      assert.match((await rejectionOf(result)).message, /^Redis speaks no TLS there: remove "tls": true/);
    });

    it("says so when something else answers", async () => {
      const { backend, result } = await start("redis", { tls: true });
      (await backend.accept()).write(ascii("HTTP/1.1 400 Bad Request\r\n"));
      assert.match((await rejectionOf(result)).message, /not Redis \("HTTP/);
    });

    it("fails when the connection closes, or nobody answers in time", async () => {
      const { backend, result } = await start("redis", { tls: true });
      const closing = rejectionOf(result);
      await (await backend.accept()).end();
      assert.equal((await closing).code, "BACKEND_DOWN");
      const silent = await start("redis", { tls: true, timeoutMs: 20 });
      assert.match((await rejectionOf(silent.result)).message, /did not answer within 0.02 s/);
    });

    it("says that the service speaks TLS when an alert answers a PING without TLS", async () => {
      assert.match((await rejectionOf(answered("redis", TLS_ALERT))).message, /^the service speaks TLS: set "tls": true/);
    });
  });

  describe("of MySQL", () => {
    /** A greeting whose lower capabilities are these. */
    const greetingWith = (capabilities: number): Uint8Array =>
      mysqlPacket(join(Uint8Array.of(10), ascii("8.4.3\0"), new Uint8Array(13), Uint8Array.of(capabilities & 0xff, capabilities >> 8), new Uint8Array(30)));

    for (const [what, capabilities, answer, tlsOf] of [
      ["no word", 0xf7ff, mysqlError(1045, "Access denied", 2), undefined],
      ["an offer", 0x0800, mysqlError(1045, "Access denied", 2), { isOffered: true, isDemanded: false }],
      ["a demand", 0xffff, mysqlError(3159, "#HY000Connections using insecure transport are prohibited", 2), { isOffered: true, isDemanded: true }],
    ] as const) {
      it(`reads ${what} of TLS in the greeting and in the answer to the login`, async () => {
        const { backend, result } = await start("mysql");
        const peer = await backend.accept();
        peer.write(greetingWith(capabilities));
        await peer.read(4);
        for (const byte of answer) peer.write(Uint8Array.of(byte));
        assert.deepEqual(await result, { saw: "8.4.3", product: "MySQL 8.4.3", ...(tlsOf && { tls: tlsOf }) });
      });
    }

    it("waits for its login to be refused before it says that TLS is missing", async () => {
      const { backend, result } = await start("mysql", { tls: true });
      const peer = await backend.accept();
      peer.write(greetingWith(0xf7ff));
      await peer.read(4);
      peer.write(mysqlError(1045, "Access denied", 2));
      assert.match((await rejectionOf(result)).message, /^the database speaks no TLS there: remove "tls": true/);
    });

    it("answers the greeting with a login that is refused, and waits for the refusal", async () => {
      const { backend, result } = await start("mysql");
      const peer = await backend.accept();
      peer.write(greeting);
      const header = await peer.read(4);
      const login = await peer.read((header[0] ?? 0) + 256 * (header[1] ?? 0));
      assert.deepEqual([header[2], header[3]], [0, 1], "the second packet");
      assert.equal(toHex(login.slice(0, 4)), "00820000", "CLIENT_PROTOCOL_41 and CLIENT_SECURE_CONNECTION");
      assert.equal(Buffer.from(login.slice(32)).toString("latin1"), "tunneld-probe\0\0");
      const early = await Promise.race([result, new Promise((resolve) => setImmediate(resolve, "waiting"))]);
      assert.equal(early, "waiting", "closing before the answer could count as an aborted login");
      peer.write(mysqlError(1045, "Access denied", 2));
      assert.deepEqual(await result, { saw: "10.11.19-MariaDB", product: "MariaDB 10.11.19" });
      assert.equal(await peer.ending(), "end");
    });

    it("succeeds when the server closes instead of refusing", async () => {
      const { backend, result } = await start("mysql");
      const peer = await backend.accept();
      peer.write(greeting);
      await peer.read(4);
      await peer.end();
      assert.deepEqual(await result, { saw: "10.11.19-MariaDB", product: "MariaDB 10.11.19" });
    });

    for (const [code, meaning] of [
      [1129, "BACKEND_BLOCKED"],
      [1040, "BACKEND_BLOCKED"],
      [1130, "BACKEND_DOWN"],
    ] as const) {
      it(`reads error ${code} as ${meaning}, and leaves its SQL state out`, async () => {
        const error = await rejectionOf(answered("mysql", mysqlError(code, "#08004no")));
        assert.deepEqual([error.code, error.message], [meaning, `the database refuses connections: error ${code}, no`]);
      });
    }

    it("says so when something else answers", async () => {
      for (const answer of [ascii("HTTP/1.1 400\r\n"), ascii("SSH-2.0-OpenSSH\r\n"), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(2, 0, 0, 0, 9, 0)]) {
        assert.match((await rejectionOf(answered("mysql", answer))).message, /not MySQL/);
      }
    });
  });

  it("of anything else sends nothing", async () => {
    const { backend, result } = await start("tcp");
    assert.deepEqual(await result, { saw: "connected" });
    assert.equal(await (await backend.accept()).ending(), "end");
  });

  for (const service of ["redis", "mysql"] as const) {
    it(`of ${service} fails when the connection closes without an answer, or nobody answers in time`, async () => {
      const { backend, result } = await start(service);
      const closing = rejectionOf(result);
      await (await backend.accept()).end();
      assert.equal((await closing).code, "BACKEND_DOWN");
      const silent = await start(service, { timeoutMs: 20 });
      assert.match((await rejectionOf(silent.result)).message, /did not answer within 0.02 s/);
    });

    it(`of ${service} fails when the connection is refused or destroyed`, async () => {
      const { backend, socket, result } = await start(service);
      const closing = rejectionOf(result);
      await backend.accept();
      socket.destroy();
      assert.equal((await closing).code, "BACKEND_DOWN");
    });
  }
});
