/** The native wire's records under any writes, any splitting and any single change; sealing and opening on any suite. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { NoiseOpener, NoiseSealer } from "../../daemon/protocol/noise-record.ts";
import { anyNoiseSuite, cutPoints, writes } from "../support/wire/arbitraries.ts";
import { cutAt, flipBit, join, sameBytes } from "../support/wire/bytes.ts";
import { shaken } from "../support/wire/noise.ts";

const RUNS = { numRuns: 100 };

const wire = () => fc.tuple(anyNoiseSuite(), anyNoiseSuite()).map((suites) => shaken(suites[0], { suites }));

describe("records of the native wire", () => {
  it("come out as they went in, however they were written and however the bytes were split", () =>
    fc.assert(
      fc.property(wire(), writes(), cutPoints(), fc.integer({ min: 1, max: 5 }), ({ client, server }, texts, points, rekeyEvery) => {
        const sealer = new NoiseSealer(client.send, rekeyEvery);
        const opener = new NoiseOpener(server.receive, rekeyEvery);
        const sealed = join(...texts.map((text) => sealer.seal(text)));
        sameBytes(join(...cutAt(sealed, points).flatMap((piece) => opener.open(piece))), join(...texts));
        assert.equal(opener.pendingBytes, 0);
      }),
      RUNS,
    ));

  it("give out nothing of a record with any bit changed, and never a byte that was not sealed", () =>
    fc.assert(
      fc.property(
        wire(),
        writes().filter((texts) => texts.some((text) => text.length > 0)),
        fc.nat(),
        cutPoints(),
        ({ client, server }, texts, at, points) => {
          const sealer = new NoiseSealer(client.send);
          const opener = new NoiseOpener(server.receive);
          const sealed = join(...texts.map((text) => sealer.seal(text)));
          const whole = join(...texts);
          const out: Uint8Array[] = [];
          try {
            for (const piece of cutAt(flipBit(sealed, at % (sealed.length * 8)), points)) out.push(...opener.open(piece));
          } catch {
            // As it should be; a length that was changed upwards may only leave the end unfinished.
          }
          const plain = join(...out);
          assert.ok(plain.length < whole.length);
          sameBytes(plain, whole.slice(0, plain.length));
        },
      ),
      RUNS,
    ));
});
