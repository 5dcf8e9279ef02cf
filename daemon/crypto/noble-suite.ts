/**
 * The portable suite: @noble/ciphers and @noble/hashes, and BigInt for the group.
 *
 * The fallback where the native suite fails its known-answer check, and the second
 * opinion that every test is run against. Written to be plain, not fast.
 */
import { ctr } from "@noble/ciphers/aes.js";
import { equalBytes } from "@noble/ciphers/utils.js";
import { hmac } from "@noble/hashes/hmac.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { group14Public, group14Shared } from "./dh-group14.ts";
import type { CipherSuite, MessageCipher, SequenceMac } from "./suite.ts";

const TAG_BYTES = 32;

/** The portable implementation of {@link CipherSuite}. */
export const nobleSuite: CipherSuite = {
  name: "noble",
  sha256: (data) => sha256(data),
  hmacSha256: (key, data) => hmac(sha256, key, data),
  pbkdf2Sha256Once: (password, salt, outputBytes) => pbkdf2(sha256, password, salt, { c: 1, dkLen: outputBytes }),
  equal: (a, b) => equalBytes(a, b),
  allocate: (bytes) => new Uint8Array(bytes),
  messageCipher: (key) => messageCipher(key),
  sequenceMac: (key, messageBytes) => sequenceMac(key, messageBytes),
  dhPublic: group14Public,
  dhShared: group14Shared,
};

function messageCipher(key: Uint8Array): MessageCipher {
  // Not slice(): a Buffer's slice() is a view, not a copy.
  const ownKey = new Uint8Array(key);
  let isWiped = false;
  return {
    wipe() {
      isWiped = true;
      ownKey.fill(0);
    },
    apply(buffer, firstNonce, { count, messageBytes, strideBytes }) {
      if (isWiped) throw new RangeError("the cipher has been wiped");
      for (let message = 0; message < count; message++) {
        const counter = new Uint8Array(16);
        new DataView(counter.buffer).setBigUint64(0, BigInt(firstNonce + message));
        const text = buffer.subarray(message * strideBytes, message * strideBytes + messageBytes);
        text.set(ctr(ownKey, counter).encrypt(text));
      }
    },
  };
}

function sequenceMac(key: Uint8Array, messageBytes: number): SequenceMac {
  const ownKey = new Uint8Array(key);
  const tagOf = (message: Uint8Array, sequence: number): Uint8Array => {
    const suffix = new Uint8Array(8);
    new DataView(suffix.buffer).setBigUint64(0, BigInt(sequence));
    return hmac.create(sha256, ownKey).update(message).update(suffix).digest();
  };
  return {
    sign(buffer, firstSequence, { count, strideBytes }) {
      for (let index = 0; index < count; index++) {
        const end = index * strideBytes + messageBytes;
        buffer.set(tagOf(buffer.subarray(end - messageBytes, end), firstSequence + index), end);
      }
    },
    firstInvalid(buffer, firstSequence, { count, strideBytes }) {
      for (let index = 0; index < count; index++) {
        const end = index * strideBytes + messageBytes;
        const tag = tagOf(buffer.subarray(end - messageBytes, end), firstSequence + index);
        if (!equalBytes(tag, buffer.subarray(end, end + TAG_BYTES))) return index;
      }
      return -1;
    },
    wipe: () => ownKey.fill(0),
  };
}
