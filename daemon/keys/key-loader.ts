/**
 * From how an entry names a key to the key: a session's key, one of the key
 * folder, or a file. A relative path counts from the workspace folder and may not
 * leave it: whoever approves an entry must see where its file really is.
 */
import { realpathSync } from "node:fs";
import { isAbsolute, resolve, sep } from "node:path";
import type { KeyReference } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { isInside } from "../../shared/path-inside.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { fingerprint, sharedKey } from "../protocol/keys.ts";
import { type OwnerUid, ownUid, readPrivateFile } from "./key-file-access.ts";
import type { KeyFolder, UsableKey } from "./key-folder.ts";
import type { SessionKeys } from "./session-keys.ts";

/** Where keys are looked for. */
export interface KeyLoaderOptions {
  readonly suite: CipherSuite;
  readonly folder: KeyFolder;
  readonly session: SessionKeys;
  /** What `~` stands for. */
  readonly home: string;
  /** Whose files are trusted; default: this process's user. */
  readonly owner?: OwnerUid;
}

/** A key as an entry names it; `file` holds the real path if it is a file. */
export interface LoadedReference extends UsableKey {
  readonly file: string | undefined;
}

/** Loads keys by reference. */
export interface KeyLoader {
  /** @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS or KEY_WEAK */
  load(reference: KeyReference, workspaceFolder: string): LoadedReference;
}

/** A loader over a session's keys, which come first, the key folder and files. */
export function createKeyLoader(options: KeyLoaderOptions): KeyLoader {
  const owner = "owner" in options ? options.owner : ownUid();
  return {
    load: (reference, workspaceFolder) => {
      if (typeof reference === "string") return { ...(options.session.get(reference) ?? options.folder.load(reference)), file: undefined };
      const { bytes, realPath } = readPrivateFile(keyFilePath(reference.file, { workspaceFolder, home: options.home }), owner);
      const key = sharedKey(options.suite, bytes);
      bytes.fill(0);
      return { source: realPath, file: realPath, key, fingerprint: fingerprint(options.suite, key) };
    },
  };
}

/** Where a key file's path counts from. */
interface KeyFileContext {
  readonly workspaceFolder: string;
  /** What `~` stands for. */
  readonly home: string;
  readonly platform?: NodeJS.Platform;
}

/**
 * The file that an entry names; relative to the workspace folder, which it may not leave.
 * @throws TunnelError KEY_NOT_FOUND or KEY_PERMISSIONS
 */
export function keyFilePath(file: string, { workspaceFolder, home, platform = process.platform }: KeyFileContext): string {
  if (/^~(?:[\\/]|$)/.test(file)) return resolve(home, `.${sep}${file.slice(2)}`);
  if (file.startsWith("~")) throw new TunnelError("KEY_NOT_FOUND", `the key file ${plainText(file)} is in another user's home: write its full path`);
  // To open it is to log in to a server of the file's author.
  if (platform === "win32" && /^[\\/]{2}/.test(file)) {
    throw new TunnelError("KEY_PERMISSIONS", `the key file ${plainText(file)} is on another machine: copy it to this one, and write its path here`);
  }
  if (isAbsolute(file)) return resolve(file);
  const path = resolve(workspaceFolder, file);
  const folder = realParent(workspaceFolder, ".");
  if (path === folder || !isInside(realParent(path, ".."), folder)) {
    throw new TunnelError(
      "KEY_PERMISSIONS",
      `the key file ${plainText(file)} leads out of the workspace folder: write its full path, so that everybody sees where it is`,
    );
  }
  return path;
}

/** A folder without links; as it is when it can't be resolved: reading will say why. */
function realParent(path: string, up: "." | ".."): string {
  try {
    return realpathSync.native(resolve(path, up));
  } catch {
    return resolve(path, up);
  }
}
