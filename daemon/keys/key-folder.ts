/**
 * The key folder: one file for each key, named like the key, mode 0600 in a
 * folder of mode 0700 that belongs to the user. The file's bytes are exactly what
 * spiped's -k takes, so a key can be copied in and out by hand. The caller says
 * where the folder is. Keys leave this class only as K, or through `exportKey`.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { KeyForm } from "../../shared/contract/key-form.ts";
import { NAME_PATTERN } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { syncFolder } from "../../shared/files.ts";
import { message } from "../../shared/message.ts";
import { nearest } from "../../shared/nearest.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { KEY_BYTES } from "../protocol/constants.ts";
import { fingerprint, type SharedKey, sharedKey } from "../protocol/keys.ts";
import { type OwnerUid, ownUid, readOwnKeyFile } from "./key-file-access.ts";
import { writeNewKeyFile } from "./key-file-write.ts";
import { keyFormOf } from "./key-form-of.ts";
import { type KeyInput, keyBytes } from "./key-text.ts";

/** A key, ready to use. `key` belongs to the caller, who wipes it when done. */
export interface UsableKey {
  /** For people: the key's name, or the real path of its file. */
  readonly source: string;
  readonly key: SharedKey;
  readonly fingerprint: string;
  /** Set where the key's file is text. */
  readonly form?: KeyForm | undefined;
}

/** A key of the folder, without its secret; `fault` says why the key can't be used. */
export interface KeyListing {
  readonly name: string;
  readonly fingerprint: string | undefined;
  readonly form?: KeyForm | undefined;
  readonly fault: TunnelError | undefined;
}

/** What a key folder is given. */
export interface KeyFolderOptions {
  /** Absolute path; created when the first key comes. */
  readonly folder: string;
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  /** Whose files are trusted; default: this process's user. */
  readonly owner?: OwnerUid;
}

/** Windows takes these names for devices, whatever follows a dot. */
const DEVICE_NAMES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether `name` can be a key's name: it must do as a tunnel's name, and as a file's name on every system. */
export function isKeyName(name: string): boolean {
  return NAME_PATTERN.test(name) && !name.endsWith(".") && !DEVICE_NAMES.test(name);
}

/** See the file's header. */
export class KeyFolder {
  readonly folder: string;
  readonly #suite: CipherSuite;
  readonly #random: RandomSource;
  readonly #owner: OwnerUid;

  constructor(options: KeyFolderOptions) {
    this.folder = options.folder;
    this.#suite = options.suite;
    this.#random = options.random;
    this.#owner = "owner" in options ? options.owner : ownUid();
  }

  /**
   * All keys by name, also the unusable ones; no keys if there is no folder.
   * @throws TunnelError KEY_PERMISSIONS when the folder is not only ours
   */
  list(): KeyListing[] {
    return this.#names().map((name) => {
      try {
        const { key, fingerprint, form } = this.load(name);
        key.fill(0);
        return { name, fingerprint, ...(form && { form }), fault: undefined };
      } catch (error) {
        if (!(error instanceof TunnelError)) throw error;
        return { name, fingerprint: undefined, fault: error };
      }
    });
  }

  /** @throws TunnelError KEY_NOT_FOUND (naming the nearest), KEY_PERMISSIONS or KEY_WEAK */
  load(name: string): UsableKey {
    const names = isKeyName(name) ? this.#names() : [];
    if (!names.includes(name)) throw this.#notFound(name, names);
    const { bytes } = readOwnKeyFile(join(this.folder, name), this.#owner);
    return this.#usable(name, bytes);
  }

  /**
   * Makes a key of 32 random bytes; returns its fingerprint.
   * @throws TunnelError CONFIG_INVALID when the name is taken or not allowed, KEY_PERMISSIONS
   */
  generate(name: string): string {
    return this.#add(name, this.#random(KEY_BYTES));
  }

  /**
   * Takes a key in, byte for byte; returns its fingerprint.
   * @throws TunnelError CONFIG_INVALID (form, name), KEY_WEAK or KEY_PERMISSIONS
   */
  importKey(name: string, input: KeyInput): string {
    return this.#add(name, keyBytes(input, quote(name)));
  }

  /**
   * The bytes of a key's file; with `path`, they are also written there, to a new file of mode 0600.
   * The caller wipes them.
   * @throws TunnelError as `load`, and CONFIG_INVALID when there is something at `path` or it can't be written
   */
  exportKey(name: string, path?: string): Uint8Array {
    this.load(name).key.fill(0);
    const { bytes } = readOwnKeyFile(join(this.folder, name), this.#owner);
    if (path !== undefined) writeNewKeyFile(path, bytes);
    return bytes;
  }

  /**
   * Removes a key's file for good, usable or not; returns whether there was one.
   * @throws TunnelError KEY_PERMISSIONS, or STATE_NOT_SAVED when it can't be removed: then the key is as it was
   */
  forget(name: string): boolean {
    if (!isKeyName(name) || !this.#names().includes(name)) return false;
    // Moved aside first: a key that can't be removed must not stay there half overwritten.
    const path = join(this.folder, name);
    const aside = join(this.folder, `.forgotten-${process.pid}-${name}`);
    try {
      if (fs.lstatSync(path).isDirectory()) throw new Error("it is a folder, remove it yourself");
      fs.rmSync(aside, { force: true });
      fs.renameSync(path, aside);
      this.#overwrite(aside);
      fs.rmSync(aside, { force: true });
      syncFolder(this.folder);
    } catch (cause) {
      throw new TunnelError(
        "STATE_NOT_SAVED",
        message("the key {0} can't be removed from {1}: {2}", quote(name), plainText(this.folder), (cause as Error).message),
        {
          cause,
        },
      );
    }
    return true;
  }

  /** Best effort: journals and solid-state drives keep copies. Never through a link. */
  #overwrite(path: string): void {
    try {
      const file = fs.openSync(path, fs.constants.O_WRONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0));
      try {
        const stat = fs.fstatSync(file);
        if (stat.isFile() && stat.nlink === 1) fs.writeSync(file, new Uint8Array(stat.size));
      } finally {
        fs.closeSync(file);
      }
    } catch {
      // Only the removal of the file counts.
    }
  }

  #add(name: string, bytes: Uint8Array): string {
    try {
      if (!isKeyName(name)) {
        throw new TunnelError(
          "CONFIG_INVALID",
          message('{0} can\'t be a key\'s name: use up to 64 letters, digits, "_", "." and "-", the first a letter or digit', quote(name)),
        );
      }
      this.#makeFolder();
      writeNewKeyFile(join(this.folder, name), bytes);
      const key = sharedKey(this.#suite, bytes);
      const shown = fingerprint(this.#suite, key);
      key.fill(0);
      return shown;
    } finally {
      bytes.fill(0);
    }
  }

  #usable(source: string, bytes: Uint8Array): UsableKey {
    return usableKey(this.#suite, source, bytes);
  }

  /** The names of the key files; files that are not named like a key are left out. */
  #names(): string[] {
    if (!this.#checkFolder()) return [];
    try {
      return fs.readdirSync(this.folder).filter(isKeyName).toSorted();
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  #makeFolder(): void {
    try {
      fs.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new TunnelError("KEY_PERMISSIONS", message("the key folder {0} can't be made: {1}", plainText(this.folder), (cause as Error).message), { cause });
    }
    this.#checkFolder();
  }

  /** Whether the folder is there. Anybody who could write to the folder could put their own key under a known name. */
  #checkFolder(): boolean {
    const shown = plainText(this.folder);
    let stat: fs.Stats | undefined;
    try {
      stat = fs.statSync(this.folder, { throwIfNoEntry: false });
    } catch (cause) {
      throw this.#unreadable(cause);
    }
    if (!stat) return false;
    if (!stat.isDirectory()) throw new TunnelError("KEY_PERMISSIONS", message("{0} should be the key folder and is none: move it away", shown));
    if (this.#owner === undefined) return true; // Windows: see key-file-access.ts
    if (stat.uid !== this.#owner) throw new TunnelError("KEY_PERMISSIONS", message("the key folder {0} belongs to another user: use one of your own", shown));
    if ((stat.mode & 0o077) !== 0) throw new TunnelError("KEY_PERMISSIONS", message("other users may enter the key folder {0}: chmod 700 {0}", shown));
    return true;
  }

  #unreadable(cause: unknown): TunnelError {
    return new TunnelError("KEY_PERMISSIONS", message("the key folder {0} can't be read: {1}", plainText(this.folder), (cause as Error).message), { cause });
  }

  #notFound(name: string, names: readonly string[]): TunnelError {
    const guess = nearest(name, names);
    return guess
      ? new TunnelError("KEY_NOT_FOUND", message("there is no key {0}: did you mean {1}?", quote(name), quote(guess)))
      : new TunnelError("KEY_NOT_FOUND", message("there is no key {0}", quote(name)), { hint: `: ${howToGet(name)}` });
  }
}

/** The key of a file with these bytes; wipes the bytes. */
export function usableKey(suite: CipherSuite, source: string, bytes: Uint8Array): UsableKey {
  const key = sharedKey(suite, bytes);
  const form = keyFormOf(suite, bytes);
  bytes.fill(0);
  return { source, key, fingerprint: fingerprint(suite, key), ...(form && { form }) };
}

/** Commands to paste; a name that can't be a key's is not put into a command. */
function howToGet(name: string): string {
  const word = isKeyName(name) ? name : "NAME";
  return `"tunneld keys import ${word} FILE" takes in the far end's, "tunneld keys generate ${word}" makes one`;
}
