/**
 * Keys that are kept off the disk: in VS Code's secret storage, with a separate index
 * of names and fingerprints, because the storage can't be listed. Only a window can
 * supply these keys, so it puts them into the daemon's memory at each connection.
 * The storage may be memory only without saying so (VS Code in a browser): a secret
 * that is gone is reported once. Does not use VS Code.
 */
import type { Requester } from "../../daemon/client/daemon-client.ts";

/** The part of vscode.SecretStorage that is used. */
export interface SecretStore {
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
  delete(key: string): PromiseLike<void>;
}

/** The part of vscode.Memento that is used. */
export interface IndexStore {
  get<T>(key: string, fallback: T): T;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** A key of the index. */
export interface IndexedKey {
  readonly name: string;
  readonly fingerprint: string;
}

/** What {@link SecretKeys} is made from. */
export interface SecretKeysOptions {
  readonly secrets: SecretStore;
  readonly index: IndexStore;
  /** A key of the index is no longer in the storage: called once for each name. Must not throw. */
  readonly onVanished: (name: string) => void;
  /** The storage or the daemon refused a key; `error` does not contain the secret. Must not throw. */
  readonly onFailure: (name: string, error: unknown) => void;
  /** How long a connection waits for the storage, which may ask the user for a password; then it continues without the keys. */
  readonly patienceMs?: number;
}

const INDEX = "encryptedTunnels.secretKeys";
const SECRET_PREFIX = "encryptedTunnels.key.";
/** Our choice: a storage that is not locked answers in milliseconds. */
const PATIENCE_MS = 5_000;

/** See the file's header. */
export class SecretKeys {
  readonly #options: SecretKeysOptions;
  readonly #toldOf = new Set<string>();

  constructor(options: SecretKeysOptions) {
    this.#options = options;
  }

  /** The keys that should be in the storage. */
  get keys(): readonly IndexedKey[] {
    const kept: unknown = this.#options.index.get<unknown>(INDEX, []);
    return Array.isArray(kept) ? kept.filter(isIndexed) : [];
  }

  has(name: string): boolean {
    return this.keys.some((key) => key.name === name);
  }

  /** Puts every key into a daemon's memory. Never rejects, and does not wait for long; keys that come late are still put. */
  async supplyAll(client: Requester): Promise<void> {
    const all = Promise.all(this.keys.map(({ name }) => this.#supply(name, client)));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.patienceMs ?? PATIENCE_MS);
    });
    await Promise.race([all, patience]);
    clearTimeout(timer);
  }

  /**
   * Adds a key: first to the daemon, which validates it, then to the storage. The caller keeps `bytes` and wipes them.
   * @returns the key's fingerprint
   * @throws TunnelError as keys/put; what the storage throws
   */
  async add(name: string, bytes: Uint8Array, client: Requester): Promise<string> {
    const key = base64Of(bytes);
    const { fingerprint } = await client.request("keys/put", { name, key });
    await this.#options.secrets.store(SECRET_PREFIX + name, key);
    await this.#options.index.update(INDEX, [...this.keys.filter((one) => one.name !== name), { name, fingerprint }]);
    this.#toldOf.delete(name);
    return fingerprint;
  }

  /** The bytes of a key, which the caller wipes; undefined: the storage has none. */
  async read(name: string): Promise<Uint8Array | undefined> {
    const kept = await this.#options.secrets.get(SECRET_PREFIX + name);
    if (kept === undefined) return undefined;
    const decoded = Buffer.from(kept, "base64");
    const own = Uint8Array.from(decoded);
    decoded.fill(0);
    return own;
  }

  /** Removes a key from the storage and the index. */
  async forget(name: string): Promise<void> {
    await this.#options.secrets.delete(SECRET_PREFIX + name);
    const left = this.keys.filter((one) => one.name !== name);
    await this.#options.index.update(INDEX, left.length > 0 ? left : undefined);
  }

  async #supply(name: string, client: Requester): Promise<void> {
    try {
      const key = await this.#options.secrets.get(SECRET_PREFIX + name);
      if (key !== undefined) {
        await client.request("keys/put", { name, key });
        this.#toldOf.delete(name);
      } else if (!this.#toldOf.has(name)) {
        this.#toldOf.add(name);
        this.#options.onVanished(name);
      }
    } catch (error) {
      this.#options.onFailure(name, error);
    }
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** Checks the form: another version of the extension may have left anything in the index. */
function isIndexed(value: unknown): value is IndexedKey {
  if (typeof value !== "object" || value === null) return false;
  const { name, fingerprint } = value as Partial<Record<keyof IndexedKey, unknown>>;
  return typeof name === "string" && typeof fingerprint === "string";
}
