/** What programs are told in their own protocol when their tunnel has no connection for them. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { BSON } from "mongodb";
import { mongoMessage } from "../../../daemon/services/mongodb-packets.ts";
import { readPostgresError } from "../../../daemon/services/postgres-packets.ts";
import { RedisCommands } from "../../../daemon/services/redis-commands.ts";
import { isTunnelRefusal, refusalLine, refuserOf } from "../../../daemon/services/refusal.ts";
import type { Refuser } from "../../../daemon/services/refuser.ts";
import { ERROR_CODES, TunnelError } from "../../../shared/errors.ts";
import { ascii } from "../../support/wire/bytes.ts";

const LINE = 'tunnel "cache": BACKEND_DOWN: 127.0.0.1:6379 refused; check the service';
const ANSWER = `-ERR ${LINE}\r\n`;

const latin1 = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString("latin1");

function redis(): Refuser {
  const refuser = refuserOf("redis", false);
  assert.ok(refuser);
  return refuser;
}

/** A command as clients write it. */
function command(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}

/** Bytes in pieces cut anywhere. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const word = fc.oneof(fc.string(), fc.string({ maxLength: 300 }), fc.constantFrom("\r\n", "*3\r\n$3\r\n", "", "-ERR", "SET", "get"));
const known = fc.constantFrom("PING", "ECHO hello", "info server", "CLIENT LIST");
const commands = fc.array(
  fc.oneof(
    fc.array(word, { minLength: 1, maxLength: 5 }).map(command),
    known.map((line) => `${line}\r\n`),
    known.map((line) => `${line}\n`),
  ),
);
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });

describe("a client of Redis without a connection", () => {
  it("gets an error for each command, however they are cut, before and after it is told", () =>
    fc.assert(
      fc.property(commands, commands, sizes, (before, after, cuts) => {
        const refuser = redis();
        for (const piece of pieces(Buffer.from(before.join("")), cuts)) refuser.passed(piece);
        const answers = [refuser.begin(LINE, true)];
        for (const piece of pieces(Buffer.from(after.join("")), cuts)) answers.push(refuser.more(piece));
        assert.ok(!answers.includes(undefined));
        assert.equal(answers.map(latin1).join(""), ANSWER.repeat(before.length + after.length));
      }),
    ));

  it("needs no memory for a value, however long", () => {
    const counted = new RedisCommands();
    counted.push(ascii(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${512 * 1024 * 1024}\r\n`));
    const chunk = new Uint8Array(1024 * 1024);
    for (let sent = 0; sent < 512; sent++) assert.deepEqual(counted.push(chunk), []);
    assert.deepEqual(counted.push(ascii("\r\n*1\r\n$4\r\nPING\r\n")), ["SET", "PING"]);
  });

  it("is told of nothing that may have been carried out", () => {
    for (const [said, isTold] of [
      ["", true],
      [command(["PING"]), true],
      [command(["hello", "3"]) + command(["CLIENT", "SETINFO", "LIB-NAME", "x"]) + command(["GET", "k"]), true],
      [command(["SET", "k", "v"]), false],
      [command(["GET", "k"]) + command(["INCR", "k"]), false],
      [command(["GET", "k"]) + command(["DEL", "k"]).slice(0, 6), false],
      [command(["EVAL", "return 1", "0"]), false],
    ] as const) {
      const heard = redis();
      heard.passed(ascii(said));
      assert.equal(heard.begin(LINE, false) !== undefined, isTold, JSON.stringify(said));
      const unheard = redis();
      unheard.passed(ascii(said));
      assert.ok(unheard.begin(LINE, true), JSON.stringify(said));
    }
  });

  it("is told nothing when it speaks another protocol", () => {
    for (const bytes of [
      ascii("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
      ascii("SSH-2.0-OpenSSH_9.2p1\r\n"),
      ascii("EHLO example.com\r\n"),
      Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x0a),
      ascii("*99999999\r\n"),
      ascii("*1\r\n$999999999999\r\n"),
      ascii("*1\r\n+PING\r\n"),
      ascii("*x\r\n"),
      ascii(`PING ${"x".repeat(70_000)}`),
    ]) {
      const before = redis();
      before.passed(bytes);
      assert.equal(before.begin(LINE, true), undefined, latin1(bytes));
      const after = redis();
      assert.deepEqual(after.begin(LINE, true), new Uint8Array(0));
      assert.equal(after.more(bytes), undefined, latin1(bytes));
      assert.equal(after.more(ascii("PING\r\n")), undefined);
    }
  });

  it("inside TLS is closed, as nobody but the service can say anything there", () => {
    assert.equal(refuserOf("redis", true), undefined);
    assert.equal(refuserOf("tcp", false), undefined);
  });
});

describe("a client of MySQL without a connection", () => {
  it("gets an error packet with number and SQLSTATE in place of the greeting", () => {
    const packet = refuserOf("mysql", true)?.begin(LINE, true);
    assert.ok(packet);
    assert.deepEqual([...packet.subarray(0, 7)], [packet.length - 4, 0, 0, 0, 0xff, 1158 & 0xff, 1158 >> 8]);
    assert.equal(latin1(packet.subarray(7)), `#08S01${LINE}`);
  });

  it("is told nothing when it has spoken first", () => {
    const refuser = refuserOf("mysql", false);
    refuser?.passed(ascii("GET / HTTP/1.1\r\n"));
    assert.equal(refuser?.begin(LINE, true), undefined);
  });
});

describe("a client of PostgreSQL without a connection", () => {
  const first = (code: number, rest = ""): Uint8Array => {
    const bytes = Buffer.alloc(8 + rest.length);
    bytes.writeUInt32BE(bytes.length, 0);
    bytes.writeUInt32BE(code, 4);
    bytes.write(rest, 8);
    return bytes;
  };
  const [SSL, GSS, CANCEL, STARTUP] = [80_877_103, 80_877_104, 80_877_102, 196_608];
  const startup = first(STARTUP, "user\0app\0database\0orders\0\0");
  const postgres = (): Refuser => refuserOf("postgres", false) ?? assert.fail();

  it("gets no to its questions for encryption, and a fatal error in answer to its first real message, however they are cut", () => {
    for (const size of [1, 3, 8, 100]) {
      const refuser = postgres();
      const all = Buffer.concat([first(GSS), first(SSL), startup]);
      let said = latin1(refuser.begin(LINE, true)) as string;
      for (const piece of pieces(all, [size])) said += latin1(refuser.more(piece));
      assert.equal(said.slice(0, 2), "NN");
      const error = readPostgresError(Buffer.from(said.slice(2), "latin1"));
      assert.deepEqual(error, { sqlState: "08006", text: LINE });
      assert.equal(refuser.isOver, true);
    }
  });

  it("is told on spiped's wire, too, as nothing is carried out before the log-in", () => {
    const refuser = postgres();
    refuser.passed(first(SSL));
    assert.equal(latin1(refuser.begin(LINE, false)), "N");
    assert.equal(refuser.isOver, false);
    assert.match(latin1(refuser.more(startup)) ?? "", /^E.*FATAL/s);
  });

  it("that cancels something just gets the end", () => {
    const refuser = postgres();
    refuser.passed(first(CANCEL, "12345678"));
    assert.equal(latin1(refuser.begin(LINE, true)), "");
    assert.equal(refuser.isOver, true);
  });

  it("is told nothing when it speaks another protocol", () => {
    for (const bytes of [
      ascii("GET / HTTP/1.1\r\n\r\n"),
      Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3),
      first(131_072),
      Uint8Array.of(0, 0, 0, 4, 0, 3, 0, 0),
      Uint8Array.of(0, 0, 0x7f, 0xff, 0, 3, 0, 0),
    ]) {
      const refuser = postgres();
      refuser.passed(bytes);
      assert.equal(refuser.begin(LINE, true), undefined, latin1(bytes));
    }
  });
});

describe("a client of MongoDB without a connection", () => {
  const ask = (document: object, requestId: number): Uint8Array => mongoMessage(BSON.serialize(document), { requestId, responseTo: 0 });
  /** As drivers ask first: OP_QUERY on admin.$cmd. */
  const askOld = (document: object, requestId: number): Uint8Array => {
    const body = Buffer.concat([Buffer.alloc(4), Buffer.from("admin.$cmd\0"), Buffer.from([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), BSON.serialize(document)]);
    const header = Buffer.alloc(16);
    header.writeInt32LE(16 + body.length, 0);
    header.writeInt32LE(requestId, 4);
    header.writeInt32LE(2_004, 12);
    return Buffer.concat([header, body]);
  };
  const mongo = (): Refuser => refuserOf("mongodb", false) ?? assert.fail();

  it("gets a failed command in answer to each question, in the form in which it was asked, however they are cut", () => {
    const large = ask({ insert: "c", documents: [{ text: "x".repeat(100_000) }], $db: "shop" }, 13);
    const all = Buffer.concat([askOld({ isMaster: 1, helloOk: true }, 11), ask({ hello: 1, $db: "admin" }, 12), large, ask({ ping: 1, $db: "admin" }, 14)]);
    for (const size of [1, 7, 500, 1_000_000]) {
      const refuser = mongo();
      const said = [refuser.begin(LINE, true)];
      for (const piece of pieces(all, [size])) said.push(refuser.more(piece));
      let rest = Buffer.concat(said as Uint8Array[]);
      const answers: unknown[] = [];
      while (rest.length > 0) {
        const [length, op] = [rest.readInt32LE(0), rest.readInt32LE(12)];
        const { errmsg, ok, code, codeName } = BSON.deserialize(rest.subarray(op === 1 ? 36 : 21, length));
        answers.push([op, rest.readInt32LE(8), errmsg, ok, code, codeName]);
        rest = rest.subarray(length);
      }
      const failed = [LINE, 0, 6, "HostUnreachable"];
      assert.deepEqual(answers, [
        [1, 11, ...failed],
        [2_013, 12, ...failed],
        [2_013, 13, ...failed],
        [2_013, 14, ...failed],
      ]);
    }
  });

  it("is told of nothing that may have been carried out, and nothing when it speaks another protocol", () => {
    for (const [bytes, isTold] of [
      [ask({ hello: 1, $db: "admin" }, 1), true],
      [ask({ insert: "c", $db: "shop" }, 1), false],
      [ask({ hello: 1, $db: "admin" }, 1).subarray(0, 20), false],
      [ascii("GET / HTTP/1.1\r\n\r\n"), false],
      [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0, 0, 0), false],
    ] as const) {
      const refuser = mongo();
      refuser.passed(bytes);
      assert.equal(refuser.begin(LINE, false) !== undefined, isTold);
    }
  });
});

describe("the line of a refusal", () => {
  it("has code, cause and cure for every code, on one printable line that fits", () => {
    for (const code of ERROR_CODES) {
      const line = refusalLine("cache", new TunnelError(code, `127.0.0.1:6379\r\n said "no"\u0007. ${"x".repeat(1_000)}`));
      assert.match(line, new RegExp(`^tunnel "cache": ${code}: 127\\.0\\.0\\.1:6379 said`));
      assert.match(line, /^[\x20-\x7e…]+$/);
      assert.ok(line.length <= 400);
    }
    assert.equal(
      refusalLine("cache", new TunnelError("BACKEND_DOWN", "127.0.0.1:6379 refused.")),
      'tunnel "cache": BACKEND_DOWN: 127.0.0.1:6379 refused; check the service and the far end\'s -t',
    );
  });

  it("is known again by whoever asks through the tunnel", () => {
    for (const [service, said] of [
      ["redis", "PING\r\n"],
      ["mysql", ""],
      ["postgres", "\0\0\0\t\0\u0003\0\0\0"],
      ["mongodb", Buffer.from(mongoMessage(BSON.serialize({ hello: 1 }), { requestId: 1, responseTo: 0 })).toString("latin1")],
    ] as const) {
      const refuser = refuserOf(service, false);
      refuser?.passed(Buffer.from(said, "latin1"));
      const told = refuser?.begin(refusalLine("a b", new TunnelError("KEY_MISMATCH", "no")), true) ?? new Uint8Array(0);
      assert.equal(isTunnelRefusal(service, told), true);
      assert.equal(isTunnelRefusal("tcp", told), false);
    }
    for (const said of ["-ERR unknown command\r\n", "+PONG\r\n", '-ERR the tunnel "x": A: b\r\n', ""])
      assert.equal(isTunnelRefusal("redis", ascii(said)), false);
  });
});
