/** Single packets: layout, the fields a sealer never makes, failing for good, and wiping. More in test/property/record. */
import assert from "node:assert/strict";
import { RecordOpener, RecordSealer } from "../../../daemon/protocol/record.ts";
import { ascii, cut, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";
import { directionKeys, PACKET, packet } from "../../support/wire/packets.ts";
import { SUITES } from "../../support/wire/suites.ts";

const keys = directionKeys();

for (const suite of SUITES) {
  const sealer = () => new RecordSealer(suite, keys);
  const opener = () => new RecordOpener(suite, keys);

  describe(`RecordSealer on the ${suite.name} suite`, () => {
    for (const [size, packets] of [
      [0, 0] as const,
      [1, 1] as const,
      [1023, 1] as const,
      [1024, 1] as const,
      [1025, 2] as const,
      [2048, 2] as const,
      [2049, 3] as const,
    ]) {
      it(`makes ${packets} packets of ${size} bytes`, () => assert.equal(sealer().seal(pattern(size)).length, packets * PACKET));
    }

    it("makes the same packets as an independent sealer", () => {
      const parts = cut(pattern(2500), 1024);
      sameBytes(sealer().seal(pattern(2500)), join(...parts.map((message, sequence) => packet(keys, { sequence, message }))));
    });

    it("goes on counting packets from call to call, and makes none for no bytes", () => {
      const one = sealer();
      one.seal(ascii("a"));
      one.seal(new Uint8Array(0));
      sameBytes(one.seal(ascii("b")), packet(keys, { sequence: 1, message: ascii("b") }));
    });

    it("leaves the plain text it was given alone", () => {
      const plain = pattern(1500);
      sealer().seal(plain);
      sameBytes(plain, pattern(1500));
    });

    it("seals a view into a larger buffer, beginning at any byte", () => {
      const whole = pattern(1503);
      sameBytes(sealer().seal(whole.subarray(3)), sealer().seal(whole.slice(3)));
    });
  });

  describe(`RecordOpener on the ${suite.name} suite`, () => {
    it("opens the packets of an independent sealer", () => {
      const packets = [ascii("one"), pattern(1024), ascii("three")].map((message, sequence) => packet(keys, { sequence, message }));
      sameBytes(opener().open(join(...packets)), join(ascii("one"), pattern(1024), ascii("three")));
    });

    for (const length of [0, 1025, 1028, 2 ** 16, 2 ** 31, 2 ** 32 - 1]) {
      it(`refuses a packet that says it holds ${length} bytes though its MAC is right`, () => {
        assert.equal(
          codeOf(() => opener().open(packet(keys, { sequence: 0, message: pattern(1024), length }))),
          "RECORD_INVALID",
        );
      });
    }

    it("gives nothing out of a batch whose last packet has a bad length", () => {
      const batch = join(packet(keys, { sequence: 0, message: ascii("good") }), packet(keys, { sequence: 1, message: ascii("x"), length: 0 }));
      assert.equal(
        codeOf(() => opener().open(batch)),
        "RECORD_INVALID",
      );
    });

    it("never gives out the padding, even where it isn't zero", () => {
      const one = opener();
      sameBytes(one.open(packet(keys, { sequence: 0, message: pattern(1024), length: 5 })), pattern(1024).slice(0, 5));
      sameBytes(one.open(packet(keys, { sequence: 1, message: pattern(1024, 2), length: 1 })), pattern(1024, 2).slice(0, 1));
    });

    it("gives no bytes for no bytes", () => assert.equal(opener().open(new Uint8Array(0)).length, 0));

    it("holds an unfinished packet back and says how much it holds", () => {
      const one = opener();
      const sealed = packet(keys, { sequence: 0, message: ascii("late") });
      assert.equal(one.open(sealed.slice(0, 1059)).length, 0);
      assert.equal(one.pendingBytes, 1059);
      sameBytes(one.open(sealed.slice(1059)), ascii("late"));
      assert.equal(one.pendingBytes, 0);
    });

    it("finishes one packet, opens whole ones and holds the next in one call", () => {
      const one = opener();
      const sealed = sealer().seal(pattern(3000));
      sameBytes(join(one.open(sealed.slice(0, 500)), one.open(sealed.slice(500, 2200))), pattern(2048));
      assert.equal(one.pendingBytes, 2200 - 2120);
      sameBytes(one.open(sealed.slice(2200)), pattern(3000).slice(2048));
    });

    it("copies what it holds back, so that the caller may reuse its buffer", () => {
      const one = opener();
      const sealed = Buffer.from(packet(keys, { sequence: 0, message: ascii("kept") }));
      const reused = Buffer.from(sealed.subarray(0, 600));
      one.open(reused);
      reused.fill(0);
      sameBytes(one.open(sealed.subarray(600)), ascii("kept"));
    });

    it("leaves the packets it was given alone", () => {
      const sealed = sealer().seal(pattern(2000));
      const given = sealed.slice();
      opener().open(given);
      sameBytes(given, sealed);
    });

    it("throws its first error again on every later call", () => {
      const one = opener();
      const first = errorOf(() => one.open(pattern(PACKET)));
      assert.equal(first.code, "RECORD_INVALID");
      const good = packet(keys, { sequence: 0, message: ascii("good") });
      for (const next of [good, good.slice(0, 3), new Uint8Array(0)])
        assert.equal(
          errorOf(() => one.open(next)),
          first,
        );
    });

    it("opens a good packet that came before a bad one, when they come apart", () => {
      const one = opener();
      sameBytes(one.open(packet(keys, { sequence: 0, message: ascii("good") })), ascii("good"));
      assert.equal(
        codeOf(() => one.open(packet(keys, { sequence: 0, message: ascii("again") }))),
        "RECORD_INVALID",
      );
    });

    it("refuses its own direction's packets under the other direction's keys", () => {
      const other = new RecordOpener(suite, directionKeys(2));
      assert.equal(
        codeOf(() => other.open(sealer().seal(ascii("mine")))),
        "RECORD_INVALID",
      );
    });
  });

  describe(`wipe on the ${suite.name} suite`, () => {
    it("leaves a sealer that seals nothing more, not even with key stream made ahead", () => {
      const one = sealer();
      for (let packet = 0; packet < 5; packet++) one.seal(ascii("before"));
      one.wipe();
      assert.throws(() => one.seal(ascii("after")));
    });

    it("may be called twice", () => {
      const [one, other] = [sealer(), opener()];
      for (const wiped of [one, other, one, other]) wiped.wipe();
    });

    it("leaves an opener without its MAC key", () => {
      const one = opener();
      one.wipe();
      assert.equal(
        codeOf(() => one.open(packet(keys, { sequence: 0, message: ascii("after") }))),
        "RECORD_INVALID",
      );
    });
  });
}
