/**
 * The native suite: node:crypto, on OpenSSL or (inside Electron) BoringSSL.
 *
 * Two things here are shaped by speed, and give the same bytes as the plain form:
 * CTR runs as one ECB call over all counter blocks of a batch, and HMAC as two
 * one-shot hashes over prepared blocks (RFC 2104, section 2), since a cipher or
 * HMAC object for each 1 KB packet costs several times the work itself.
 */
import * as crypto from "node:crypto";
import { GROUP14_PRIME_HEX, group14Shared } from "./dh-group14.ts";
import type { CipherSuite, MessageCipher, MessageLayout, SequenceMac } from "./suite.ts";

/** AES block, FIPS 197. */
const AES_BLOCK_BYTES = 16;
/** SHA-256 block and digest, FIPS 180-4. */
const SHA256_BLOCK_BYTES = 64;
const SHA256_BYTES = 32;
/** HMAC's inner and outer padding, RFC 2104, section 2. */
const HMAC_IPAD = 0x36;
const HMAC_OPAD = 0x5c;
const SEQUENCE_BYTES = 8;
const TWO_POW_32 = 0x1_0000_0000;

/** Our choice: counter blocks prepared at once; 64 packets of 65 blocks, the most one socket read gives. */
const BATCH_BLOCKS = 64 * 65;

const prime = Buffer.from(GROUP14_PRIME_HEX, "hex");

/** The native implementation of {@link CipherSuite}. */
export const nodeSuite: CipherSuite = {
  name: "node",
  sha256: (data) => crypto.createHash("sha256").update(data).digest(),
  hmacSha256: (key, data) => crypto.createHmac("sha256", key).update(data).digest(),
  pbkdf2Sha256Once: (password, salt, outputBytes) => crypto.pbkdf2Sync(password, salt, 1, outputBytes, "sha256"),
  equal: (a, b) => a.length === b.length && crypto.timingSafeEqual(a, b),
  // Small buffers come from Node's pool, whose slices are aligned to 8.
  allocate: (bytes) => Buffer.allocUnsafe(bytes),
  messageCipher: (key) => new EcbCounterCipher(key),
  sequenceMac: (key, messageBytes) => new TwoHashMac(key, messageBytes),
  dhPublic(privateValue) {
    return leftPad(group14With(privateValue).generateKeys());
  },
  dhShared(peerPublic, privateValue) {
    // computeSecret refuses 0, 1 and p-1 (with an error in OpenSSL's own words); the protocol allows them.
    if (isDegenerate(peerPublic)) return group14Shared(peerPublic, privateValue);
    try {
      return leftPad(group14With(privateValue).computeSecret(peerPublic));
    } catch {
      // A library with stricter rules for elements must not let a peer that holds a key end the process.
      return group14Shared(peerPublic, privateValue);
    }
  },
};

/** Used where the named group is missing or unusable. Made once, because making a general group checks the prime. */
let general: crypto.DiffieHellman | undefined;

/**
 * Group 14 with this private value. The named group has no setPrivateKey of its own and borrows it from the general class.
 * The general class checks the prime each time an object is made, which costs half a second with OpenSSL 3.5 (Node 24).
 */
function group14With(privateValue: Uint8Array): Pick<crypto.DiffieHellman, "generateKeys" | "computeSecret"> {
  try {
    const group = crypto.getDiffieHellman("modp14");
    (crypto.DiffieHellman.prototype.setPrivateKey as (key: Uint8Array) => void).call(group, privateValue);
    return group;
  } catch {
    general ??= crypto.createDiffieHellman(prime, 2);
    general.setPrivateKey(privateValue);
    return general;
  }
}

/** Whether `element` is 0, 1 or p-1: 1 and p-1 have order 1 and 2, and 0 is no element of the group. */
function isDegenerate(element: Uint8Array): boolean {
  const last = element.length - 1;
  const upperBits = Buffer.from(element.buffer, element.byteOffset, last);
  const low = element[last] ?? 0;
  if (low <= 1 && upperBits.every((byte) => byte === 0)) return true;
  return low === (prime[last] ?? 0) - 1 && upperBits.equals(prime.subarray(0, last));
}

/** Big-endian numbers are fixed-length in this protocol; OpenSSL may drop leading zeros. */
function leftPad(value: Buffer): Uint8Array {
  if (value.length === prime.length) return value;
  const padded = Buffer.alloc(prime.length);
  value.copy(padded, prime.length - value.length);
  return padded;
}

/** Counter blocks of the batch under way: be64(nonce) ‖ be64(index). Shared: `apply` is synchronous. */
const counterBlocks = Buffer.alloc(BATCH_BLOCKS * AES_BLOCK_BYTES);
const counterWords = new Int32Array(counterBlocks.buffer, counterBlocks.byteOffset, counterBlocks.length / 4);
const BLOCK_WORDS = AES_BLOCK_BYTES / 4;
/** The blocks of a message and the upper half of the nonce that `counterBlocks` is laid out for; both seldom change. */
let laidOut = { blocks: 0, high: -1 };
const wordArray = new Int32Array(1);
const wordView = new DataView(wordArray.buffer);

/** Our choice: key stream made ahead for a flow of single messages, in messages; 8 KB for each direction in use. */
const MAX_AHEAD = 8;

class EcbCounterCipher implements MessageCipher {
  readonly #ecb: crypto.Cipher;
  /** Key stream made already: `#count` messages of `#blocks` blocks, from nonce `#first` on. */
  #stream = new Int32Array(0);
  #first = 0;
  #count = 0;
  #blocks = 0;
  /** The least number of messages to make key stream for next time: a call costs more than the work of one message. */
  #ahead = 1;
  #isWiped = false;

  constructor(key: Uint8Array) {
    this.#ecb = crypto.createCipheriv("aes-256-ecb", key, null);
    this.#ecb.setAutoPadding(false);
  }

  apply(buffer: Uint8Array, firstNonce: number, layout: MessageLayout): void {
    const { count, messageBytes, strideBytes } = layout;
    const blocks = Math.ceil(messageBytes / AES_BLOCK_BYTES);
    if (blocks > BATCH_BLOCKS) throw new RangeError(`a message of ${messageBytes} bytes is too long for one batch`);
    // Signed words, because XOR yields signed words: nothing has to be converted.
    const data = new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length >> 2);
    for (let message = 0; message < count; message++) {
      const nonce = firstNonce + message;
      if (nonce < this.#first || nonce >= this.#first + this.#count || blocks !== this.#blocks) this.#make(nonce, { blocks, count: count - message });
      const from = (nonce - this.#first) * blocks * (AES_BLOCK_BYTES / 4);
      xorWords(data, this.#stream, { at: (message * strideBytes) / 4, from, words: messageBytes / 4 });
    }
  }

  /** Key stream for `count` messages from `nonce` on, or as many as one batch holds, or a few more. */
  #make(nonce: number, wanted: { readonly blocks: number; readonly count: number }): void {
    const { blocks } = wanted;
    const count = Math.min(Math.floor(BATCH_BLOCKS / blocks), Math.max(wanted.count, this.#ahead));
    this.#ahead = wanted.count === 1 ? Math.min(MAX_AHEAD, this.#ahead * 2) : 1;
    fillCounters(nonce, { count, blocks });
    const bytes = this.#ecb.update(counterBlocks.subarray(0, count * blocks * AES_BLOCK_BYTES));
    this.#stream = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#first = nonce;
    this.#count = count;
    this.#blocks = blocks;
  }

  wipe(): void {
    this.#stream.fill(0);
    this.#count = 0;
    if (this.#isWiped) return;
    this.#isWiped = true;
    // Ends the cipher, which makes the library overwrite its key schedule and refuse any further use.
    this.#ecb.final();
  }
}

interface WordRange {
  readonly at: number;
  readonly from: number;
  readonly words: number;
}

/** data[at + i] ^= stream[from + i] for `words` words; four at a time, since the engine won't unroll it. */
function xorWords(data: Int32Array, stream: Int32Array, { at, from, words }: WordRange): void {
  // The caller's contract keeps the indices inside both arrays; `as number` costs nothing at run time.
  let index = 0;
  for (const whole = words & ~3; index < whole; index += 4) {
    const target = at + index;
    const source = from + index;
    data[target] = (data[target] as number) ^ (stream[source] as number);
    data[target + 1] = (data[target + 1] as number) ^ (stream[source + 1] as number);
    data[target + 2] = (data[target + 2] as number) ^ (stream[source + 2] as number);
    data[target + 3] = (data[target + 3] as number) ^ (stream[source + 3] as number);
  }
  for (; index < words; index++) {
    data[at + index] = (data[at + index] as number) ^ (stream[from + index] as number);
  }
}

/**
 * Writes the nonces of `count` messages of `blocks` blocks. Words are written as they lie in memory, so the
 * numbers are turned to big-endian first. The block indices and the nonces' upper halves mostly stay from the last call.
 */
function fillCounters(firstNonce: number, batch: { readonly count: number; readonly blocks: number }): void {
  const high = Math.floor(firstNonce / TWO_POW_32);
  // Checked for the whole layout, not only for this batch: the layout beyond this batch stays for later batches.
  const crossing = firstNonce % TWO_POW_32 > TWO_POW_32 - Math.ceil(BATCH_BLOCKS / batch.blocks);
  if (laidOut.blocks !== batch.blocks || laidOut.high !== high || crossing) {
    layOut(firstNonce, batch.blocks);
    laidOut = { blocks: batch.blocks, high: crossing ? -1 : high };
  }
  let word = 1;
  for (let message = 0; message < batch.count; message++) {
    const low = bigEndianWord((firstNonce + message) % TWO_POW_32);
    for (let block = 0; block < batch.blocks; block++, word += BLOCK_WORDS) counterWords[word] = low;
  }
}

/** Block indices and the upper halves of the nonces, for the whole batch. */
function layOut(firstNonce: number, blocks: number): void {
  for (let block = 0; block < BATCH_BLOCKS; block++) {
    const nonce = firstNonce + Math.floor(block / blocks);
    counterWords[block * BLOCK_WORDS] = bigEndianWord(Math.floor(nonce / TWO_POW_32));
    counterWords[block * BLOCK_WORDS + 2] = 0;
    counterWords[block * BLOCK_WORDS + 3] = bigEndianWord(block % blocks);
  }
}

/** The 32-bit word that lies in memory as be32(value), on this machine. */
function bigEndianWord(value: number): number {
  wordView.setUint32(0, value);
  return wordArray[0] as number;
}

/** Taken out once: through the module object each call would pay for a getter. */
const { hash: hashOnce, createHash } = crypto;

/** One-shot digest as a binary string: the cheapest way through node:crypto for short input. Node >= 20.12. */
const oneShot: (data: Buffer) => string =
  typeof hashOnce === "function" ? (data) => hashOnce("sha256", data, "binary") : (data) => createHash("sha256").update(data).digest("binary");

/** The tag of the packet under way. Shared: `sign` and `firstInvalid` are synchronous. */
const tagScratch = Buffer.alloc(SHA256_BYTES);

class TwoHashMac implements SequenceMac {
  /** (K xor ipad) ‖ message ‖ be64(sequence) */
  readonly #inner: Buffer;
  /** (K xor opad) ‖ inner digest */
  readonly #outer: Buffer;
  readonly #messageBytes: number;

  constructor(key: Uint8Array, messageBytes: number) {
    this.#messageBytes = messageBytes;
    this.#inner = Buffer.alloc(SHA256_BLOCK_BYTES + messageBytes + SEQUENCE_BYTES, HMAC_IPAD);
    this.#outer = Buffer.alloc(SHA256_BLOCK_BYTES + SHA256_BYTES, HMAC_OPAD);
    key.forEach((byte, index) => {
      this.#inner[index] = byte ^ HMAC_IPAD;
      this.#outer[index] = byte ^ HMAC_OPAD;
    });
  }

  sign(buffer: Uint8Array, firstSequence: number, layout: MessageLayout): void {
    const packets = asBuffer(buffer);
    for (let index = 0; index < layout.count; index++) {
      const start = index * layout.strideBytes;
      packets.write(this.#tag(packets, start, firstSequence + index), start + this.#messageBytes, "latin1");
    }
  }

  firstInvalid(buffer: Uint8Array, firstSequence: number, layout: MessageLayout): number {
    const packets = asBuffer(buffer);
    for (let index = 0; index < layout.count; index++) {
      const start = index * layout.strideBytes;
      tagScratch.write(this.#tag(packets, start, firstSequence + index), 0, "latin1");
      if (!crypto.timingSafeEqual(tagScratch, packets.subarray(start + this.#messageBytes, start + this.#messageBytes + SHA256_BYTES))) return index;
    }
    return -1;
  }

  wipe(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }

  /** RFC 2104: H(K xor opad ‖ H(K xor ipad ‖ text)), as a binary string. */
  #tag(packets: Buffer, start: number, sequence: number): string {
    const inner = this.#inner;
    const end = SHA256_BLOCK_BYTES + this.#messageBytes;
    inner.set(packets.subarray(start, start + this.#messageBytes), SHA256_BLOCK_BYTES);
    inner.writeUInt32BE(Math.floor(sequence / TWO_POW_32), end);
    inner.writeUInt32BE(sequence % TWO_POW_32, end + 4);
    this.#outer.write(oneShot(inner), SHA256_BLOCK_BYTES, "latin1");
    return oneShot(this.#outer);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
