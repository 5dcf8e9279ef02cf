/**
 * Configuration files as the manager sees them: read once, kept, read again when
 * their folder changes. Key files that entries name by path are watched with
 * them; the key folder is watched by its owner.
 */
import { homedir } from "node:os";
import * as path from "node:path";
import { localConfigPath, readConfig, workspaceFolderOf } from "../../shared/contract/config-file.ts";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import type { KeyReference } from "../../shared/contract/tunnels-file.ts";
import { foldersBehind } from "../keys/key-file-link.ts";
import { keyFilePath } from "../keys/key-loader.ts";
import type { ConfigSource } from "./config-source.ts";
import { FolderWatch, signatureOf, type WatchFolder } from "./folder-watch.ts";

/** Our choice: at most this many key files are watched per file; a stranger's file must not use up the system's watches. */
const MAX_KEY_FILES = 100;

/** What stands in for the machine in tests. */
export interface StoreOptions {
  /** What `~` stands for. */
  readonly home?: string;
  readonly watchFolder?: WatchFolder;
}

interface Known {
  config: ParsedConfig;
  /** Tells whether the files have changed since they were read. */
  signature: string;
  keyFiles: ReadonlyMap<string, KeyFile>;
}

/** A key file under the path that the entry names. */
interface KeyFile {
  /** Tells whether the key file has changed, or its path leads elsewhere. */
  readonly signature: string;
  /** The folders where such a change shows: secrets are rotated by exchanging a link. */
  readonly folders: readonly string[];
}

/** Reads and watches tunnels.json files. Owns its watches: `dispose`. */
export class ConfigStore implements ConfigSource {
  readonly #known = new Map<string, Known>();
  readonly #watch: FolderWatch;
  readonly #onChange: (configPath: string, config: ParsedConfig) => void;
  readonly #home: string;

  /** `onChange` is called after a file, or a key file that it names, has changed; it must not throw. */
  constructor(onChange: (configPath: string, config: ParsedConfig) => void, options: StoreOptions = {}) {
    this.#onChange = onChange;
    this.#home = options.home ?? homedir();
    this.#watch = new FolderWatch((folder) => this.#onFolder(folder), options);
  }

  get(configPath: string): ParsedConfig {
    const known = this.#known.get(configPath);
    if (known) return known.config;
    const signature = signatureOfConfig(configPath);
    const config = readConfig(configPath);
    this.#known.set(configPath, { config, signature, keyFiles: new Map() });
    this.#watch.add(path.dirname(configPath));
    this.#watchKeys(configPath);
    return config;
  }

  /** Looks at the file again now; a change is reported as if the watch had noticed it. */
  refresh(configPath: string): ParsedConfig {
    const known = this.#known.get(configPath);
    if (!known) return this.get(configPath);
    return known.signature === signatureOfConfig(configPath) ? known.config : this.#read(configPath);
  }

  release(configPath: string): void {
    const known = this.#known.get(configPath);
    if (!known) return;
    this.#known.delete(configPath);
    this.#watch.remove(path.dirname(configPath));
    this.#unwatch(known.keyFiles);
  }

  dispose(): void {
    this.#watch.dispose();
    this.#known.clear();
  }

  #onFolder(folder: string): void {
    for (const [configPath, { keyFiles }] of [...this.#known]) {
      if (path.dirname(configPath) === folder) this.#read(configPath);
      const changed = [...keyFiles].some(([file, { signature, folders }]) => folders.includes(folder) && signatureOf(file) !== signature);
      if (!changed) continue;
      this.#watchKeys(configPath);
      const config = this.#known.get(configPath)?.config;
      if (config) this.#onChange(configPath, config);
    }
  }

  #read(configPath: string): ParsedConfig {
    // Taken before the file is read: a change during the read then makes the signature old, and does not go unnoticed.
    const signature = signatureOfConfig(configPath);
    const config = readConfig(configPath);
    const known = this.#known.get(configPath);
    if (known) known.signature = signature;
    if (!known || sameConfig(known.config, config)) return config;
    known.config = config;
    this.#watchKeys(configPath);
    this.#onChange(configPath, config);
    return config;
  }

  /** Watches the key files that are named now, and stops watching those that no longer are. */
  #watchKeys(configPath: string): void {
    const known = this.#known.get(configPath);
    if (!known) return;
    const before = known.keyFiles;
    const files = keyFilesOf(configPath, known.config, this.#home);
    known.keyFiles = new Map(files.map((file) => [file, { signature: signatureOf(file), folders: foldersBehind(file) }]));
    for (const { folders } of known.keyFiles.values()) for (const folder of folders) this.#watch.add(folder);
    this.#unwatch(before);
  }

  #unwatch(keyFiles: Known["keyFiles"]): void {
    for (const { folders } of keyFiles.values()) for (const folder of folders) this.#watch.remove(folder);
  }
}

function keyFilesOf(configPath: string, { entries }: ParsedConfig, home: string): string[] {
  const files = new Set<string>();
  for (const { key } of entries.values()) {
    const references: readonly KeyReference[] = Array.isArray(key) ? key : [key];
    for (const reference of references) {
      if (files.size === MAX_KEY_FILES) return [...files];
      if (typeof reference === "string") continue;
      try {
        files.add(keyFilePath(reference.file, { workspaceFolder: workspaceFolderOf(configPath), home }));
      } catch {
        // A path that is not allowed is reported where it is used.
      }
    }
  }
  return [...files];
}

function signatureOfConfig(configPath: string): string {
  return [configPath, localConfigPath(configPath)].map(signatureOf).join("\n");
}

function sameConfig(a: ParsedConfig, b: ParsedConfig): boolean {
  return JSON.stringify([[...a.entries], a.problems]) === JSON.stringify([[...b.entries], b.problems]);
}
