/** Recognises protocols by first bytes of real programs, and nothing in random nonces. */
import assert from "node:assert/strict";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { clientHello } from "../../../daemon/diagnosis/client-hello.ts";
import { diagnosisNonce } from "../../../daemon/diagnosis/nonce.ts";
import { bsonDocument, mongoMessage } from "../../../daemon/services/mongodb-packets.ts";
import { recogniseClient, recogniseServer, type SpokenProtocol } from "../../../daemon/services/recognise.ts";
import { formatMessage } from "../../../shared/message.ts";
import { ascii, fromHex, join } from "../../support/wire/bytes.ts";

type Sample = readonly [from: string, bytes: Uint8Array, protocol: SpokenProtocol, label: RegExp];

/** MariaDB 10.11.19 of Debian 12, recorded. */
const MARIADB = fromHex(
  "640000000a352e352e352d31302e31312e31392d4d6172696144422d302b646562313275310005000000327e482a3774672900fef72d0200ff81150000000000001d000000346937715843252f5a5a373f006d7973716c5f6e61746976655f70617373776f726400",
);
/** The same MariaDB, with all its connections in use. */
const MARIADB_1040 = fromHex("17000000ff1004546f6f206d616e7920636f6e6e656374696f6e73");
/** MySQL 8.0: the shape of its manual's example. */
const MYSQL_8 = join(fromHex("4a0000000a"), ascii("8.0.36\0"), fromHex("0b000000"), new Uint8Array(63).fill(0x41));
const MYSQL_1130 = join(fromHex("45000000ff6a04"), ascii("Host '172.17.0.1' is not allowed to connect to this MariaDB server"));

const SERVERS: readonly Sample[] = [
  ["MariaDB", MARIADB, "mysql", /^MariaDB 10\.11\.19-MariaDB-0\+deb12u1$/],
  ["the beginning of MariaDB", MARIADB.subarray(0, 33), "mysql", /^MariaDB 10\.11/],
  ["MySQL", MYSQL_8, "mysql", /^MySQL 8\.0\.36$/],
  ["MariaDB that is full", MARIADB_1040, "mysql", /error 1040 \(Too many connections\)/],
  ["MariaDB that refuses a host", MYSQL_1130, "mysql", /error 1130/],
  ["Redis that gets a nonce", ascii("-ERR unknown command '???abcdefghijklmnopqrstuvwxyz1', with args beginning with: \r\n"), "redis", /^Redis$/],
  ["Redis that gets quotes", ascii("-ERR Protocol error: unbalanced quotes in request\r\n"), "redis", /^Redis$/],
  ["Redis with a password", ascii("-NOAUTH Authentication required.\r\n"), "redis", /^Redis$/],
  ["Redis in protected mode", ascii("-DENIED Redis is running in protected mode because"), "redis", /^Redis$/],
  ["Redis that is full", ascii("-ERR max number of clients reached\r\n"), "redis", /^Redis$/],
  ["Redis that gets PING", ascii("+PONG\r\n"), "redis", /^Redis$/],
  ["OpenSSH", ascii("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"), "ssh", /^an SSH server \(OpenSSH_9\.2p1\)$/],
  ["dropbear", ascii("SSH-2.0-dropbear_2020.81\r\n"), "ssh", /dropbear/],
  ["a TLS alert", fromHex("15030300020228"), "tls", /TLS/],
  ["a TLS ServerHello", fromHex("160303007a0200007603035f"), "tls", /TLS/],
  ["HTTP", ascii("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), "http", /HTTP/],
  ["HTTP without a status line", ascii("<html><head><title>400"), "http", /HTTP/],
  ["SMTP", ascii("220 mail.example.com ESMTP ready\r\n"), "text", /"220 mail.example.com ESMTP ready"/],
  ["memcached", ascii("ERROR\r\n"), "text", /"ERROR"/],
];

const CLIENTS: readonly Sample[] = [
  ["a Redis library", ascii("*1\r\n$4\r\nPING\r\n"), "redis", /Redis client/],
  ["redis-cli", ascii("*2\r\n$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n"), "redis", /Redis client/],
  ["somebody at telnet", ascii("ping\r\n"), "redis", /Redis client/],
  ["Redis with a password", ascii("AUTH secret word\r\n"), "redis", /Redis client/],
  ["a MySQL login", join(fromHex("5500000185a6ff0100000001210000000000000000000000000000000000000000000000"), ascii("app\0")), "mysql", /MySQL client/],
  ["a MySQL client that wants TLS", join(fromHex("20000001"), fromHex("05ae0f0000000001ff"), new Uint8Array(23)), "mysql", /MySQL client/],
  ["a PostgreSQL client that asks for TLS", fromHex("0000000804d2162f"), "postgres", /PostgreSQL client/],
  ["a PostgreSQL client that asks for Kerberos", fromHex("0000000804d21630"), "postgres", /PostgreSQL client/],
  ["a PostgreSQL client without TLS", join(fromHex("0000001600030000"), ascii("user\0app\0\0")), "postgres", /PostgreSQL client/],
  ["a MongoDB client", mongoMessage(bsonDocument({ hello: 1, $db: "admin" }), { requestId: 1, responseTo: 0 }), "mongodb", /MongoDB client/],
  ["a TLS client", clientHello(systemRandom), "tls", /TLS client/],
  ["curl", ascii("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "http", /HTTP client/],
  ["HTTP/2", ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http", /HTTP client/],
  ["an SSH client", ascii("SSH-2.0-OpenSSH_9.2p1\r\n"), "ssh", /SSH client/],
];

const NONCES = 20_000;

describe("recognising a server by its first bytes", () => {
  for (const [from, bytes, protocol, label] of SERVERS) {
    it(`knows ${from}`, () => {
      const known = recogniseServer(bytes);
      assert.equal(known?.protocol, protocol);
      assert.match(known ? formatMessage(known.words) : "", label);
    });
  }

  it("is sure of everything but short readable text, which could be random bytes", () => {
    const unsure = SERVERS.filter(([, bytes]) => recogniseServer(bytes)?.sure === false).map(([from]) => from);
    assert.deepEqual(unsure, ["memcached"]);
  });

  it("quotes a peer without characters that could do harm where the quote is shown", () => {
    const known = recogniseServer(ascii("220 [x](command:evil) $(bell) <b>\u0007 `id` ESMTP ready now\r\n"));
    const label = known ? formatMessage(known.words) : "";
    assert.doesNotMatch(label, /[[\]()<>$`]|\p{Cc}/u);
  });

  it("recognises nothing in a random nonce", () => {
    for (let count = 0; count < NONCES; count++) assert.equal(recogniseServer(systemRandom(32)), undefined);
  });

  it("recognises nothing in no bytes, or in one byte", () => {
    assert.equal(recogniseServer(new Uint8Array(0)), undefined);
    for (let byte = 0; byte < 256; byte++) assert.equal(recogniseServer(Uint8Array.of(byte)), undefined);
  });
});

describe("recognising a plain client by its first bytes", () => {
  for (const [from, bytes, protocol, label] of CLIENTS) {
    it(`knows ${from}`, () => {
      const known = recogniseClient(bytes);
      assert.equal(known?.protocol, protocol);
      assert.match(known ? formatMessage(known.words) : "", label);
      assert.equal(known?.sure, true);
    });
  }

  it("takes neither a random nonce nor a diagnosis's nonce for a client", () => {
    for (let count = 0; count < NONCES; count++) {
      assert.equal(recogniseClient(systemRandom(32)), undefined);
      assert.equal(recogniseClient(diagnosisNonce(systemRandom)), undefined);
    }
  });

  it("does not take servers for clients", () => {
    for (const [from, bytes, protocol] of SERVERS) if (protocol !== "ssh") assert.equal(recogniseClient(bytes), undefined, from);
  });
});
