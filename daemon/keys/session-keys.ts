/**
 * Keys that a client supplied for this session: in memory only, gone with the
 * process. For users who keep keys off the disk. A key is wiped (best effort) when
 * forgotten or replaced; each caller that uses a key has its own copy.
 */

import type { KeyForm } from "../../shared/contract/key-form.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { quote } from "../../shared/plain-text.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { isKeyName, type UsableKey, usableKey } from "./key-folder.ts";
import { type KeyInput, keyBytes } from "./key-text.ts";

/** Our choice: no session has more keys. */
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
    if (!isKeyName(name)) throw new TunnelError("CONFIG_INVALID", message('{0} can\'t be a key\'s name: use letters, digits, "_", "." and "-"', quote(name)));
    if (!this.#keys.has(name) && this.#keys.size >= MAX_KEYS)
      throw new TunnelError("LIMIT_REACHED", message("there are {0} keys in this session: forget some", MAX_KEYS));
    const bytes = keyBytes(input, quote(name));
    this.forget(name);
    const kept = usableKey(this.#suite, name, bytes);
    this.#keys.set(name, kept);
    return kept.fingerprint;
  }

  /** A copy of the key, if there is one of this name. */
  get(name: string): UsableKey | undefined {
    const kept = this.#keys.get(name);
    return kept && { ...kept, key: Uint8Array.from(kept.key) };
  }

  /** Names and fingerprints. */
  list(): { readonly name: string; readonly fingerprint: string; readonly form?: KeyForm }[] {
    return [...this.#keys].map(([name, { fingerprint, form }]) => ({ name, fingerprint, ...(form && { form }) }));
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
