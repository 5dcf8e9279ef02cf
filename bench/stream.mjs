/**
 * The bytes of the bulk measure, the same on both sides: a fixed pattern, sent as fast as the socket takes it, and
 * counted on arrival. Checking every byte would cost more than some contenders do, so only the first and the last byte
 * of every chunk are compared with the expected bytes: enough to notice lost, added or moved bytes.
 *
 *   request:  op "U" or "D" (1 byte) | length (be64)
 *   upload:   length bytes go to the peer, which answers OK or BAD (1 byte)
 *   download: length bytes come from the peer
 */

export const REQUEST_BYTES = 9;
export const OK = 1;
export const BAD = 0;

/** Large enough that system calls don't dominate, small enough to stay in the processor's cache. */
const BLOCK_BYTES = 256 * 1024;
/** Odd steps and a prime-sized shift: two bytes whose distance is a power of two never have the same value. */
const block = Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (i * 167 + (i >> 8) * 59 + (i >> 16) * 13) & 0xff));

export function request(op, length) {
  const bytes = Buffer.alloc(REQUEST_BYTES);
  bytes.write(op, 0, "latin1");
  bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

export function parseRequest(bytes) {
  return { op: bytes.toString("latin1", 0, 1), length: Number(bytes.readBigUInt64BE(1)) };
}

/** Writes `length` bytes of the pattern to the socket, pausing when it is full. */
export function sendPattern(socket, length) {
  let sent = 0;
  const more = () => {
    while (sent < length) {
      const size = Math.min(BLOCK_BYTES, length - sent);
      sent += size;
      if (!socket.write(size === BLOCK_BYTES ? block : block.subarray(0, size))) {
        if (sent < length) socket.once("drain", more);
        return;
      }
    }
  };
  more();
}

/** Counts the pattern's bytes as they arrive; `take` returns how many bytes of a chunk belonged to the pattern. */
export class PatternCounter {
  received = 0;
  intact = true;
  #length;

  constructor(length) {
    this.#length = length;
  }

  get complete() {
    return this.received === this.#length;
  }

  take(chunk) {
    const size = Math.min(chunk.length, this.#length - this.received);
    if (size === 0) return 0;
    const last = this.received + size - 1;
    if (chunk[0] !== block[this.received % BLOCK_BYTES] || chunk[size - 1] !== block[last % BLOCK_BYTES]) this.intact = false;
    this.received += size;
    return size;
  }
}
