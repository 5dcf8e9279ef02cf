/** Records of the native wire: lengths, and every hostile change of them. */
import assert from "node:assert/strict";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import { MAX_RECORD_BYTES, NoiseOpener, NoiseSealer, REKEY_EVERY } from "../../../daemon/protocol/noise-record.ts";
import { ascii, cut, flipBit, join, pattern, sameBytes } from "../../support/wire/bytes.ts";
import { codeOf } from "../../support/wire/codes.ts";
import { shaken } from "../../support/wire/noise.ts";
import { NOISE_SUITES } from "../../support/wire/suites.ts";

function pair(suite: NoiseSuite, rekeyEvery = REKEY_EVERY): { readonly sealer: NoiseSealer; readonly opener: NoiseOpener } {
  const { client, server } = shaken(suite);
  return { sealer: new NoiseSealer(client.send, rekeyEvery), opener: new NoiseOpener(server.receive, rekeyEvery) };
}

/** Three records, and an opener that has seen none of them. */
function three(suite: NoiseSuite): { readonly records: readonly [Uint8Array, Uint8Array, Uint8Array]; readonly opener: NoiseOpener } {
  const { sealer, opener } = pair(suite);
  return { records: [sealer.seal(ascii("one")), sealer.seal(ascii("two")), sealer.seal(ascii("three"))], opener };
}

for (const suite of NOISE_SUITES)
  describe(`records of the native wire on the ${suite.name} suite`, () => {
    for (const [bytes, records] of [
      [0, 0],
      [1, 1],
      [MAX_RECORD_BYTES, 1],
      [MAX_RECORD_BYTES + 1, 2],
      [3 * MAX_RECORD_BYTES, 3],
    ] as const)
      it(`are ${records} for ${bytes} bytes`, () => {
        const { sealer, opener } = pair(suite);
        const sealed = sealer.seal(pattern(bytes));
        assert.equal(sealed.length, bytes + records * 18);
        const texts = opener.open(sealed);
        assert.equal(texts.length, records);
        sameBytes(join(...texts), pattern(bytes));
      });

    it("are the same bytes in pieces, across a change of keys", () => {
      const { client, server } = shaken(suite);
      const opener = new NoiseOpener(server.receive, 2);
      const sealer = new NoiseSealer(client.send, 2);
      for (const bytes of [1, 5_000, MAX_RECORD_BYTES, 3]) {
        const text = pattern(bytes);
        const sealed = bytes === 5_000 ? sealer.seal(text) : join(...sealer.sealInPieces(text));
        sameBytes(join(...opener.open(sealed)), text);
      }
    });

    it("are the same whatever was made ahead, and once only", () => {
      const { sealer, opener } = pair(suite, 2);
      for (let count = 0; count < 6; count++) {
        if (count % 3 !== 0) sealer.ahead();
        if (count % 2 === 0) opener.ahead();
        sealer.ahead();
        sameBytes(join(...opener.open(sealer.seal(pattern(100, count)))), pattern(100, count));
      }
    });

    it("come out whole when they come byte by byte", () => {
      const { records, opener } = three(suite);
      const texts = cut(join(...records), 1).flatMap((byte) => opener.open(byte));
      assert.deepEqual(
        texts.map((text) => Buffer.from(text).toString()),
        ["one", "two", "three"],
      );
      assert.equal(opener.pendingBytes, 0);
    });

    it("keep what is unfinished, whatever becomes of the buffer it came in", () => {
      const { records, opener } = three(suite);
      const buffer = Uint8Array.from(records[0]);
      assert.deepEqual(opener.open(buffer.subarray(0, 10)), []);
      assert.equal(opener.pendingBytes, 10);
      buffer.fill(0, 0, 10);
      assert.equal(opener.open(buffer.subarray(10)).length, 1);
    });

    for (const [what, change] of [
      ["with a bit of its text flipped", ([one, two]) => [flipBit(one, 20), two]],
      ["with a bit of its tag flipped", ([one, two]) => [flipBit(one, one.length * 8 - 1), two]],
      ["that is dropped", ([, two]) => [two]],
      ["that is repeated", ([one, two]) => [one, one, two]],
      ["that comes in the place of another", ([one, two]) => [two, one]],
      ["that is cut at its front", ([one, two]) => [one.slice(1), two]],
      ["with a byte more", ([one, two]) => [one, Uint8Array.of(0), two]],
      ["of no bytes", ([, two]) => [Uint8Array.of(0, 0), two]],
      ["of a tag alone", ([, two]) => [Uint8Array.of(0, 16), new Uint8Array(16), two]],
      ["of a length that no record has", ([, two]) => [Uint8Array.of(0, 15), two]],
    ] as const satisfies readonly (readonly [string, (records: readonly [Uint8Array, Uint8Array, Uint8Array]) => readonly Uint8Array[]])[])
      it(`end the connection at one ${what}`, () => {
        const { records, opener } = three(suite);
        const bytes = join(...change(records), records[2], new Uint8Array(70_000));
        assert.equal(
          codeOf(() => opener.open(bytes)),
          "RECORD_INVALID",
        );
        assert.equal(
          codeOf(() => opener.open(records[1])),
          "RECORD_INVALID",
          "it stays failed",
        );
        assert.equal(opener.pendingBytes, 0);
      });

    it("tell of a length that no record has before its bytes are there", () => {
      const { opener } = pair(suite);
      assert.equal(
        codeOf(() => opener.open(Uint8Array.of(0, 3))),
        "RECORD_INVALID",
      );
    });

    it("keep at most one record that is not whole", () => {
      const { opener } = pair(suite);
      opener.open(Uint8Array.of(0xff, 0xff));
      opener.open(new Uint8Array(65_534));
      assert.equal(opener.pendingBytes, 65_536);
      assert.equal(
        codeOf(() => opener.open(new Uint8Array(1))),
        "RECORD_INVALID",
      );
    });

    it("change their key at every multiple of the count, at both ends at once", () => {
      const { sealer, opener } = pair(suite, 4);
      for (let index = 0; index < 13; index++) sameBytes(join(...opener.open(sealer.seal(pattern(5, index)))), pattern(5, index));
    });

    it("can't be opened by an end that changes its key at another count", () => {
      const { client, server } = shaken(suite);
      const [sealer, opener] = [new NoiseSealer(client.send, 4), new NoiseOpener(server.receive, 8)];
      for (let index = 0; index < 4; index++) opener.open(sealer.seal(ascii("x")));
      assert.equal(
        codeOf(() => opener.open(sealer.seal(ascii("x")))),
        "RECORD_INVALID",
      );
    });

    it("don't cross: what one end sealed opens nothing at that same end", () => {
      const { client } = shaken(suite);
      const opener = new NoiseOpener(client.receive);
      assert.equal(
        codeOf(() => opener.open(new NoiseSealer(client.send).seal(ascii("x")))),
        "RECORD_INVALID",
      );
    });
  });
