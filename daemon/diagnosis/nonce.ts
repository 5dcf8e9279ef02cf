/**
 * The nonce of a diagnosis: 30 random bytes without NUL, CR and LF, then CR LF. To
 * spiped it is a nonce like any other, of 239 bits. To Redis and many others it is
 * a line, which they answer, so that they can be told from something that only
 * waits.
 */
import type { RandomSource } from "../crypto/random.ts";
import { NONCE_BYTES } from "../protocol/constants.ts";

const LINE_END = [0x0d, 0x0a] as const;
const NOISE_BYTES = NONCE_BYTES - LINE_END.length;
/** Only one source of randomness in 2^500 would need more. */
const MAX_ROUNDS = 64;

/** A source whose first answer is a diagnosis nonce, because a handshake takes its nonce first; the other answers come from `random`. */
export function nonceFirst(random: RandomSource): RandomSource {
  let isFirst = true;
  return (bytes) => {
    if (!isFirst) return random(bytes);
    isFirst = false;
    if (bytes !== NONCE_BYTES) throw new RangeError("a handshake takes its nonce first");
    return diagnosisNonce(random);
  };
}

/** A fresh nonce. */
export function diagnosisNonce(random: RandomSource): Uint8Array {
  const fit: number[] = [];
  for (let round = 0; fit.length < NOISE_BYTES; round++) {
    if (round === MAX_ROUNDS) throw new RangeError("the source of randomness gives nothing but line ends");
    fit.push(...random(NONCE_BYTES).filter((byte) => byte !== 0x00 && byte !== 0x0d && byte !== 0x0a));
  }
  return Uint8Array.from([...fit.slice(0, NOISE_BYTES), ...LINE_END]);
}
