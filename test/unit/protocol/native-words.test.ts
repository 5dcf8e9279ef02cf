/** What the native wire says around its streams: a stream's first words, acknowledgements, hellos, and how much is on its way. */
import assert from "node:assert/strict";
import { InFlight } from "../../../daemon/protocol/in-flight.ts";
import {
  type ClientHello,
  frameMessage,
  readClientHello,
  readServerHello,
  type ServerHello,
  takeMessage,
  writeClientHello,
  writeServerHello,
} from "../../../daemon/protocol/native-hello.ts";
import { readRecord, writeAcknowledgement } from "../../../daemon/protocol/native-records.ts";
import { CONNECTED, readStatus, readTarget, writeRefusal, writeTarget } from "../../../daemon/protocol/stream-words.ts";
import { ERROR_CODES } from "../../../shared/errors.ts";
import { readBackend } from "../../../shared/far-target.ts";
import { ascii, fromHex, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";

describe("the far end's first word on a stream", () => {
  it("is that the backend is connected, and the data behind it", () => {
    const status = readStatus(join(CONNECTED, ascii("+PONG")));
    assert.ok(status.is === "connected");
    sameBytes(status.rest, ascii("+PONG"));
  });

  it("is why it can't serve, whatever the code, known only once it is whole", () => {
    for (const code of ERROR_CODES) {
      const bytes = writeRefusal(code, "127.0.0.1:6379");
      for (let length = 0; length < bytes.length; length++) assert.equal(readStatus(bytes.subarray(0, length)).is, "unknown");
      const status = readStatus(bytes);
      assert.ok(status.is === "refused");
      assert.equal(status.error.code, code === "LIMIT_REACHED" || code === "TARGET_REFUSED" ? code : "BACKEND_DOWN");
      assert.ok(status.error.reason, "a window can say it in its own language");
    }
  });

  it("names a code of a later version, and nothing that is not fit to be shown", () => {
    const status = readStatus(join(fromHex("01 04"), ascii("NEW!"), fromHex("00 06"), ascii("\u001b[31mx")));
    assert.ok(status.is === "refused");
    assert.match(status.error.message, /\(NEW!, .*\)$/);
    assert.doesNotMatch(status.error.message, /\p{Cc}/u);
  });

  it("has at most 256 bytes of text, however long the address is", () => {
    assert.ok(writeRefusal("CONNECT_REFUSED", "x".repeat(10_000)).length < 300);
  });

  for (const [title, bytes] of [
    ["another status", fromHex("02")],
    ["a code of more than 64 bytes", fromHex("01 41")],
    ["a text of more than 256 bytes", fromHex("01 01 41 01 01")],
  ] as const)
    it(`is refused with ${title}`, () => {
      assert.equal(
        codeOf(() => readStatus(bytes)),
        "RECORD_INVALID",
      );
    });
});

const NONE = new Uint8Array(0);

function acknowledgement(said: Parameters<typeof writeAcknowledgement>[1]): Uint8Array {
  const into = new Uint8Array(100);
  return into.slice(0, writeAcknowledgement(into, said));
}

describe("what a stream is for", () => {
  for (const backend of [undefined, "replica", "x", "n".repeat(64), "10.0.0.12:6380", "[2001:db8::5]:6379", "255.255.255.255:65535"] as const)
    it(`is read as it was written, once it is whole: ${backend ?? "the entry's own"}`, () => {
      const asked = backend === undefined ? undefined : readBackend(backend);
      assert.equal(asked === undefined, backend === undefined);
      const bytes = writeTarget(asked);
      for (let length = 0; length < bytes.length; length++) assert.equal(readTarget(bytes.subarray(0, length)).is, "unknown");
      assert.deepEqual(readTarget(join(bytes, pattern(5))), { is: "target", asked, size: bytes.length });
    });

  it("is the IPv4 address that is written as IPv6", () => {
    const target = readTarget(fromHex("06 00000000000000000000 ffff 7f000001 18eb"));
    assert.deepEqual(target, { is: "target", asked: { kind: "address", bytes: [127, 0, 0, 1], port: 6379 }, size: 19 });
  });

  for (const [title, hex] of [
    ["of no name", "01 00"],
    ["a name that is too long", "01 41"],
    ["a name that is not UTF-8", "01 02 c328"],
    ["a name with a slash", "01 03 612f62"],
    ["a name that is an address", "01 09 3132372e312e312e31".replace("09", "0a").concat("3a")],
    ["port 0", "04 0a000001 0000"],
    ["of another kind", "02"],
    ["of the last kind", "ff"],
  ] as const)
    it(`is refused: ${title}`, () => assert.equal(readTarget(fromHex(hex)).is, "strange"));
});

describe("a record of the native wire", () => {
  it("is frames, an acknowledgement with or without frames behind it, or ignored when it is of a later version", () => {
    const frames = readRecord(join(fromHex("00"), pattern(30)));
    assert.equal(frames?.acknowledgement, undefined);
    sameBytes(frames?.frames ?? NONE, pattern(30));
    const said = { receivedBytes: 2 ** 40 + 5, releasedBytes: 7 };
    for (const behind of [NONE, pattern(30)]) {
      const record = readRecord(join(pattern(3), acknowledgement(said), behind).subarray(3));
      assert.deepEqual(record?.acknowledgement, said);
      sameBytes(record?.frames ?? pattern(1), behind);
    }
    assert.equal(readRecord(Uint8Array.of(2))?.isOver, true);
    for (const kind of [128, 200, 255]) assert.equal(readRecord(Uint8Array.of(kind, 1, 2)), undefined);
  });

  for (const [title, text] of [
    ["kind 3", Uint8Array.of(3)],
    ["kind 127", Uint8Array.of(127)],
    ["an acknowledgement that is cut", acknowledgement({ receivedBytes: 1, releasedBytes: 1 }).subarray(0, 16)],
  ] as const)
    it(`ends the connection: ${title}`, () => {
      assert.equal(
        codeOf(() => readRecord(text)),
        "RECORD_INVALID",
      );
    });
});

describe("what the ends of the native wire say about themselves", () => {
  const keeping = { holdsBytes: 32 * 1024 * 1024, keepsMs: 120_000 };
  const takesUp = { session: pattern(16, 2), attempt: 0xfffffffe, receivedBytes: 2 ** 41 + 3, proof: pattern(32, 3) };
  const [beginning, asking] = [undefined, takesUp].map((more) => ({ instance: pattern(16), ...keeping, ...(more && { takesUp: more }) })) as [
    ClientHello,
    ClientHello,
  ];
  const fresh: ServerHello = { session: pattern(16, 4), ...keeping, secret: pattern(32, 5) };
  const goingOn: ServerHello = { session: pattern(16, 4), ...keeping, takenUp: { receivedBytes: 2 ** 42 + 9, proof: pattern(32, 6) } };
  const later = (written: Uint8Array): readonly Uint8Array[] => [written, join(fromHex("10 0002 abcd"), written, fromHex("c8 0000"))];

  for (const [title, said] of [
    ["begins one", beginning],
    ["asks for one", asking],
  ] as const)
    it(`is read as it was written, also between fields of later versions: a client that ${title}`, () => {
      const written = writeClientHello(said);
      for (const payload of later(written)) assert.deepEqual(readClientHello(payload), said);
      assert.equal(readServerHello(written), undefined, "the other end's");
    });

  for (const [title, said] of [
    ["a new session", fresh],
    ["the one that was asked for", goingOn],
  ] as const)
    it(`is read as it was written, also between fields of later versions: a server that gives ${title}`, () => {
      const written = writeServerHello(said);
      for (const payload of later(written)) assert.deepEqual(readServerHello(payload), said);
      assert.equal(readClientHello(written), undefined, "the other end's");
      for (let length = 0; length < written.length; length++) assert.equal(readServerHello(written.subarray(0, length)), undefined);
    });

  it("is refused when it is cut, or asks for a session without a proof", () => {
    const written = writeClientHello(beginning);
    for (let length = 0; length < written.length; length++) assert.equal(readClientHello(written.subarray(0, length)), undefined);
    const whole = writeClientHello(asking);
    for (let length = written.length + 1; length < whole.length; length++) assert.equal(readClientHello(whole.subarray(0, length)), undefined);
  });

  it("stands behind its length, which is 48 to 512", () => {
    for (const length of [48, 512]) {
      const framed = frameMessage(pattern(length));
      assert.equal(takeMessage(framed.subarray(0, framed.length - 1)), undefined);
      assert.equal(takeMessage(join(framed, pattern(9)))?.bytes, length + 2);
    }
    for (const length of [0, 47, 513, 65_535]) {
      assert.equal(
        codeOf(() => takeMessage(Uint8Array.of(length >> 8, length & 0xff))),
        "RECORD_INVALID",
      );
    }
  });
});

describe("what may be on its way", () => {
  it("is 256 kB as long as nothing is known", () => {
    const flight = new InFlight();
    assert.equal(flight.room, 256 * 1024);
    flight.sent(200_000, 0);
    assert.equal(flight.room, 256 * 1024 - 200_000);
    assert.ok(flight.acknowledged(200_000, 5));
    assert.deepEqual([flight.room, flight.roundTripMs], [256 * 1024, 5]);
  });

  it("follows twice the rate and the shortest round trip: a long way is filled, a slow one is not", () => {
    for (const [rate, roundTripMs, least, most] of [
      [100_000, 50, 9_000_000, 12_000_000], // bytes a millisecond
      [1_250, 20, 256 * 1024, 256 * 1024],
    ] as const) {
      const flight = new InFlight();
      const onWay: { readonly upTo: number; readonly atMs: number }[] = [];
      let sent = 0;
      let freeMs = 0;
      for (let nowMs = 0; nowMs < 20_000; nowMs += 1) {
        while (onWay[0] && onWay[0].atMs <= nowMs) flight.acknowledged((onWay.shift() as { readonly upTo: number }).upTo, nowMs);
        while (flight.room >= 65_536) {
          sent += 65_536;
          flight.sent(65_536, nowMs);
          freeMs = Math.max(freeMs, nowMs) + 65_536 / rate;
          onWay.push({ upTo: sent, atMs: freeMs + roundTripMs });
        }
      }
      const bound = flight.room + sent - (onWay[0] ? onWay[0].upTo - 65_536 : sent);
      assert.ok(bound >= least * 0.9 && bound <= most * 1.1, `${bound}`);
    }
  });

  it("can't be acknowledged before it was sent, and never twice", () => {
    const flight = new InFlight();
    flight.sent(100, 0);
    assert.deepEqual([flight.acknowledged(60, 1), flight.acknowledged(40, 2), flight.acknowledged(101, 3)], [true, true, false]);
    assert.equal(flight.room, 256 * 1024 - 40);
  });
});
