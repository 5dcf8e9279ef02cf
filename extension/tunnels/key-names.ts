/**
 * The names of the keys on this machine: files of the daemon's key folder, and keys
 * of VS Code's secret storage. Read from the disk, so that a missing key is seen
 * while no daemon runs. No key is read. Does not use VS Code.
 */
import { readdirSync } from "node:fs";
import { Emitter } from "../emitter.ts";
import type { KeyNames } from "./judged.ts";

/** See the file's header. Owns its listeners: `dispose`. */
export class LocalKeyNames implements KeyNames {
  readonly #folder: string;
  readonly #secret: () => readonly { readonly name: string }[];
  readonly #changed = new Emitter<void>();
  /** undefined: the folder can't be read. */
  #names: ReadonlySet<string> | undefined;

  constructor(folder: string, secret: () => readonly { readonly name: string }[]) {
    this.#folder = folder;
    this.#secret = secret;
    this.#names = this.#read();
  }

  readonly onDidChange = this.#changed.event;

  has(name: string): boolean | undefined {
    return this.#names?.has(name);
  }

  /** Whether there is any. */
  get hasAny(): boolean {
    return (this.#names?.size ?? 0) > 0;
  }

  refresh(): void {
    const names = this.#read();
    const isSame = names?.size === this.#names?.size && [...(names ?? [])].every((name) => this.#names?.has(name));
    this.#names = names;
    if (!isSame) this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #read(): ReadonlySet<string> | undefined {
    const secret = this.#secret().map(({ name }) => name);
    try {
      return new Set([...readdirSync(this.#folder), ...secret]);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? new Set(secret) : undefined;
    }
  }
}
