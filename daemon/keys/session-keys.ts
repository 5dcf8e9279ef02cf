/**
 * Keys that a client supplied for this session: in memory only, gone with the
 * process. For users who keep keys off the disk. Wiped (best effort) when
 * forgotten or replaced; those who use one have their own copy.
 */

import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { fingerprint, sharedKey } from "../protocol/keys.ts";
import { isKeyName, type UsableKey } from "./key-folder.ts";
import { type KeyInput, keyBytes } from "./key-text.ts";

/** Our choice: no session has more. */
const MAX_KEYS = 1_000;

/** See the file's header. */
export class SessionKeys {
  readonly #suite: CipherSuite;
  readonly #keys = new Map<string, UsableKey>();

  constructor(suite: CipherSuite) {
    this.#suite = suite;
  }

  /**
   * Keeps a key under `name`, in place of any other; returns its fingerprint. Only K is kept, not the file's bytes.
   * @throws TunnelError CONFIG_INVALID, KEY_WEAK or LIMIT_REACHED
   */
  put(name: string, input: KeyInput): string {
    if (!isKeyName(name)) throw new TunnelError("CONFIG_INVALID", `${quote(name)} can't be a key's name: use letters, digits, "_", "." and "-"`);
    if (!this.#keys.has(name) && this.#keys.size >= MAX_KEYS) throw new TunnelError("LIMIT_REACHED", `there are ${MAX_KEYS} keys in this session: forget some`);
    const bytes = keyBytes(input, quote(name));
    const key = sharedKey(this.#suite, bytes);
    bytes.fill(0);
    this.forget(name);
    const kept = { source: name, key, fingerprint: fingerprint(this.#suite, key) };
    this.#keys.set(name, kept);
    return kept.fingerprint;
  }

  /** A copy of the key, if there is one of this name. */
  get(name: string): UsableKey | undefined {
    const kept = this.#keys.get(name);
    return kept && { ...kept, key: Uint8Array.from(kept.key) };
  }

  /** Names and fingerprints. */
  list(): { readonly name: string; readonly fingerprint: string }[] {
    return [...this.#keys].map(([name, kept]) => ({ name, fingerprint: kept.fingerprint }));
  }

  /** Wipes a key; returns whether there was one. */
  forget(name: string): boolean {
    this.#keys.get(name)?.key.fill(0);
    return this.#keys.delete(name);
  }

  /** Wipes all. */
  dispose(): void {
    for (const name of [...this.#keys.keys()]) this.forget(name);
  }
}
