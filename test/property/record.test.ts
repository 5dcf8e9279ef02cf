/** The record layer under any writes, any splitting and any single change on the wire; sealing and opening on any suite. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { CipherSuite } from "../../daemon/crypto/suite.ts";
import { RecordOpener, RecordSealer } from "../../daemon/protocol/record.ts";
import { anySuite, cutPoints, plainText, writes } from "../support/wire/arbitraries.ts";
import { cut, cutAt, flipBit, join, sameBytes } from "../support/wire/bytes.ts";
import { codeOf } from "../support/wire/codes.ts";
import { directionKeys, PACKET } from "../support/wire/packets.ts";

const keys = directionKeys(5);
const RUNS = { numRuns: 150 };

/** At least two packets, one after another. */
const manyPackets = () =>
  fc
    .tuple(
      anySuite(),
      fc.array(
        plainText(1024).filter((text) => text.length > 0),
        { minLength: 2, maxLength: 5 },
      ),
    )
    .map(([suite, texts]) => {
      const sealer = new RecordSealer(suite, keys);
      return { texts, packets: texts.map((text) => sealer.seal(text)) };
    });

/** Opens pieces one by one until one is refused; returns the data that came out before, and the refusal. */
function openUntilRefused(
  suite: CipherSuite,
  pieces: readonly Uint8Array[],
): { readonly plain: Uint8Array; readonly code: string | undefined; readonly pendingBytes: number } {
  const opener = new RecordOpener(suite, keys);
  const plain: Uint8Array[] = [];
  for (const piece of pieces) {
    let code: string | undefined;
    try {
      plain.push(opener.open(piece));
    } catch {
      code = codeOf(() => opener.open(new Uint8Array(0)));
    }
    if (code !== undefined) return { plain: join(...plain), code, pendingBytes: opener.pendingBytes };
  }
  return { plain: join(...plain), code: undefined, pendingBytes: opener.pendingBytes };
}

const startsWith = (whole: Uint8Array, start: Uint8Array): void => sameBytes(start, whole.slice(0, start.length), "what was given out");

describe("records", () => {
  it("come out as they went in, however they were written and however the bytes were split", () =>
    fc.assert(
      fc.property(anySuite(), anySuite(), writes(), cutPoints(), (sealing, opening, texts, points) => {
        const sealer = new RecordSealer(sealing, keys);
        const wire = join(...texts.map((text) => sealer.seal(text)));
        const opener = new RecordOpener(opening, keys);
        sameBytes(join(...cutAt(wire, points).map((piece) => opener.open(piece))), join(...texts));
        assert.equal(opener.pendingBytes, 0);
      }),
      RUNS,
    ));

  it("are the same bytes from both suites", () =>
    fc.assert(
      fc.property(writes(), anySuite(), anySuite(), (texts, one, other) => {
        const [a, b] = [new RecordSealer(one, keys), new RecordSealer(other, keys)];
        for (const text of texts) sameBytes(a.seal(text), b.seal(text));
      }),
      RUNS,
    ));

  it("are as many as the plain text needs, each of 1060 bytes", () =>
    fc.assert(
      fc.property(anySuite(), plainText(), (suite, text) => {
        assert.equal(new RecordSealer(suite, keys).seal(text).length, Math.ceil(text.length / 1024) * PACKET);
      }),
      RUNS,
    ));

  it("never give out more than the whole packets received", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), (suite, { texts, packets }, at) => {
        const wire = join(...packets);
        const received = at % (wire.length + 1);
        const whole = Math.floor(received / PACKET);
        const { plain, code, pendingBytes } = openUntilRefused(suite, [wire.slice(0, received)]);
        sameBytes(plain, join(...texts.slice(0, whole)));
        assert.equal(code, undefined);
        assert.equal(pendingBytes, received % PACKET, "a cut stream shows as pending bytes");
      }),
      RUNS,
    ));

  it("are refused when any single bit is flipped; only whole packets before it are given out", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), cutPoints(), (suite, { texts, packets }, at, points) => {
        const wire = join(...packets);
        const bit = at % (wire.length * 8);
        const { plain, code } = openUntilRefused(suite, cutAt(flipBit(wire, bit), points));
        assert.equal(code, "RECORD_INVALID");
        const untouched = Math.floor(bit / 8 / PACKET);
        assert.ok(plain.length <= join(...texts.slice(0, untouched)).length, "nothing of the changed packet");
        startsWith(join(...texts), plain);
      }),
      RUNS,
    ));

  it("are refused when one of them is dropped", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), (suite, { texts, packets }, at) => {
        const dropped = at % (packets.length - 1);
        const { plain, code } = openUntilRefused(suite, packets.toSpliced(dropped, 1));
        assert.equal(code, "RECORD_INVALID");
        sameBytes(plain, join(...texts.slice(0, dropped)));
      }),
      RUNS,
    ));

  it("are refused when one is repeated, at any later place", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), fc.nat(), (suite, { texts, packets }, from, to) => {
        const source = from % packets.length;
        const place = source + 1 + (to % (packets.length - source));
        const { plain, code } = openUntilRefused(suite, packets.toSpliced(place, 0, packets[source] as Uint8Array));
        assert.equal(code, "RECORD_INVALID");
        sameBytes(plain, join(...texts.slice(0, place)));
      }),
      RUNS,
    ));

  it("are refused when two of them swap places", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), fc.nat(), (suite, { texts, packets }, a, b) => {
        const first = a % (packets.length - 1);
        const second = first + 1 + (b % (packets.length - 1 - first));
        const swapped = packets.with(first, packets[second] as Uint8Array).with(second, packets[first] as Uint8Array);
        const { plain, code } = openUntilRefused(suite, swapped);
        assert.equal(code, "RECORD_INVALID");
        sameBytes(plain, join(...texts.slice(0, first)));
      }),
      RUNS,
    ));

  it("are refused when any bytes are lost on the way and others follow", () =>
    fc.assert(
      fc.property(anySuite(), manyPackets(), fc.nat(), fc.integer({ min: 1, max: PACKET - 1 }), (suite, { texts, packets }, at, lost) => {
        const wire = join(...packets);
        const place = at % (wire.length - PACKET);
        const { plain, code } = openUntilRefused(suite, cut(join(wire.slice(0, place), wire.slice(place + lost)), PACKET));
        startsWith(join(...texts), plain);
        const complete = Math.floor((wire.length - lost) / PACKET) > Math.floor(place / PACKET);
        assert.equal(code, complete ? "RECORD_INVALID" : undefined);
      }),
      RUNS,
    ));

  it("stay refused, whatever follows", () =>
    fc.assert(
      fc.property(anySuite(), plainText(), fc.uint8Array({ minLength: PACKET, maxLength: 2 * PACKET }), (suite, text, garbage) => {
        const opener = new RecordOpener(suite, keys);
        assert.equal(
          codeOf(() => opener.open(garbage)),
          "RECORD_INVALID",
        );
        assert.equal(
          codeOf(() => opener.open(new RecordSealer(suite, keys).seal(text))),
          "RECORD_INVALID",
        );
      }),
      RUNS,
    ));
});
