/** Packets made by hand with node:crypto, with any right or wrong field: an independent implementation of sealing. */
import { createCipheriv, createHmac } from "node:crypto";
import type { DirectionKeys } from "../../../daemon/protocol/keys.ts";
import { be64, join, pattern } from "./bytes.ts";

export const PACKET = 1060;

export function directionKeys(seed = 1): DirectionKeys {
  return { encryption: pattern(32, seed), mac: pattern(32, seed + 1000) };
}

/** AES-256-CTR with this first counter block, by the library's own counter mode. */
export function referenceCtr(key: Uint8Array, counterBlock: Uint8Array, data: Uint8Array): Uint8Array {
  return Uint8Array.from(createCipheriv("aes-256-ctr", key, counterBlock).update(data));
}

/** HMAC-SHA256(key, parts one after another), by the library's own HMAC. */
export function referenceHmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return Uint8Array.from(hmac.digest());
}

/** One packet with a valid MAC, whatever its length field says. */
export function packet(keys: DirectionKeys, fields: { readonly sequence: number; readonly message: Uint8Array; readonly length?: number }): Uint8Array {
  const clear = new Uint8Array(1028);
  clear.set(fields.message);
  new DataView(clear.buffer).setUint32(1024, fields.length ?? fields.message.length);
  const sealed = referenceCtr(keys.encryption, join(be64(fields.sequence), be64(0)), clear);
  return join(sealed, referenceHmac(keys.mac, sealed, be64(fields.sequence)));
}
