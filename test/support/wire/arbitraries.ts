/** Arbitraries of fast-check for the tests of the wire. */
import fc from "fast-check";
import { nobleNoiseSuite } from "../../../daemon/crypto/noble-noise.ts";
import { nobleSuite } from "../../../daemon/crypto/noble-suite.ts";
import { nodeNoiseSuite } from "../../../daemon/crypto/node-noise.ts";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import type { NoiseSuite } from "../../../daemon/crypto/noise-suite.ts";
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";

/** Plain text of up to a few packets; sizes at and next to the packet boundaries are drawn often. */
export function plainText(most = 4000): fc.Arbitrary<Uint8Array> {
  const edges = [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 3072].filter((size) => size <= most);
  const size = fc.oneof(fc.constantFrom(...edges), fc.nat({ max: most }));
  return size.chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes }));
}

/** Writes of an application, one after another. */
export const writes = (): fc.Arbitrary<Uint8Array[]> => fc.array(plainText(2100), { maxLength: 5 });

/** Where a stream is cut on its way. */
export const cutPoints = (length = 8000): fc.Arbitrary<number[]> => fc.array(fc.nat({ max: length }), { maxLength: 12 });

/** A suite of the native wire. */
export const anyNoiseSuite = (): fc.Arbitrary<NoiseSuite> => fc.constantFrom(nodeNoiseSuite, nobleNoiseSuite);

export const anySuite = (): fc.Arbitrary<CipherSuite> => fc.constantFrom(nodeSuite, nobleSuite);
