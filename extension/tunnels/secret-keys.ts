/**
 * Keys that are kept off the disk: in VS Code's secret storage, with an index of
 * names and fingerprints beside it, because the storage can't be listed. Only a
 * window can supply them, so they are put into the daemon's memory each time it is
 * connected to. The storage may be memory only and say nothing of it (a VS Code in
 * a browser): a secret that is gone is told of once. Knows nothing of VS Code.
 */
import type { MethodName, Params, Result } from "../../shared/contract/methods.ts";

/** What vscode.SecretStorage has. */
export interface SecretStore {
  get(key: string): PromiseLike<string | undefined>;
  store(key: string, value: string): PromiseLike<void>;
  delete(key: string): PromiseLike<void>;
}

/** What vscode.Memento has. */
export interface IndexStore {
  get<T>(key: string, fallback: T): T;
  update(key: string, value: unknown): PromiseLike<void>;
}

/** The daemon, as a `DaemonClient` or `DaemonLink` speaks to it. */
export interface KeyTaker {
  request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>>;
}

/** A key of the index. */
export interface IndexedKey {
  readonly name: string;
  readonly fingerprint: string;
}

/** What it is made from. */
export interface SecretKeysOptions {
  readonly secrets: SecretStore;
  readonly index: IndexStore;
  /** A key of the index is no longer in the storage: told once for each name. Must not throw. */
  readonly onVanished: (name: string) => void;
  /** The storage or the daemon refused a key; `error` has no secret in it. Must not throw. */
  readonly onFailure: (name: string, error: unknown) => void;
  /** How long a connection waits for the storage, which may be asking the user for a password; then it goes on without. */
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

  /** Puts every key into a daemon's memory. Never rejects, and does not wait for long; what comes late is still put. */
  async supplyAll(client: KeyTaker): Promise<void> {
    const all = Promise.all(this.keys.map(({ name }) => this.#supply(name, client)));
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.patienceMs ?? PATIENCE_MS);
    });
    await Promise.race([all, patience]);
    clearTimeout(timer);
  }

  /**
   * Takes a key in: to the daemon, which judges it, then to the storage. `bytes` stay the caller's, who wipes them.
   * @returns its fingerprint
   * @throws TunnelError as keys/put; what the storage throws
   */
  async add(name: string, bytes: Uint8Array, client: KeyTaker): Promise<string> {
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

  async #supply(name: string, client: KeyTaker): Promise<void> {
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

/** What another version of the extension left there may be anything. */
function isIndexed(value: unknown): value is IndexedKey {
  if (typeof value !== "object" || value === null) return false;
  const { name, fingerprint } = value as Partial<Record<keyof IndexedKey, unknown>>;
  return typeof name === "string" && typeof fingerprint === "string";
}
