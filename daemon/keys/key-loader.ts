/**
 * Loads the key that an entry names: a session's key, one of the key folder, or a
 * file. A relative path counts from the workspace folder and may not leave it:
 * people who approve an entry must see where its file really is.
 */
import { realpathSync } from "node:fs";
import { isAbsolute, resolve, sep } from "node:path";
import type { KeyReference } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { isInside } from "../../shared/path-inside.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { type OwnerUid, ownUid, readOwnKeyFile } from "./key-file-access.ts";
import { type KeyFolder, type UsableKey, usableKey } from "./key-folder.ts";
import { ownGroups } from "./own-groups.ts";
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
  /** Set for a service whose configuration an operator wrote: its key files may be root's, and readable by these groups. */
  readonly serviceGroups?: readonly number[];
}

/** A key as an entry names it; `file` holds the real path if it is a file. */
export interface LoadedReference extends UsableKey {
  readonly file: string | undefined;
  /** The entry says that others may read the file. */
  readonly shared?: boolean;
}

/** Loads keys by reference. */
export interface KeyLoader {
  /**
   * `asService`: loads like a service that an operator runs with this file; see `serviceGroups`.
   * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS or KEY_WEAK
   */
  load(reference: KeyReference, workspaceFolder: string, how?: { readonly asService: boolean }): LoadedReference;
}

/** A loader that looks for a name in the session's keys first, then in the key folder, and reads files. */
export function createKeyLoader(options: KeyLoaderOptions): KeyLoader {
  const owner = "owner" in options ? options.owner : ownUid();
  return {
    load: (reference, workspaceFolder, how) => {
      const groups = options.serviceGroups ?? (how?.asService ? ownGroups() : undefined);
      if (typeof reference === "string") return { ...(options.session.get(reference) ?? options.folder.load(reference)), file: undefined };
      const shared = reference.shared === true;
      const trust = { links: true, shared, ...(groups && { groups, ofRoot: true }) };
      const { bytes, realPath } = readOwnKeyFile(keyFilePath(reference.file, { workspaceFolder, home: options.home }), owner, trust);
      return { ...usableKey(options.suite, realPath, bytes), file: realPath, shared };
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
  if (file.startsWith("~")) throw new TunnelError("KEY_NOT_FOUND", message("the key file {0} is in another user's home: write its full path", plainText(file)));
  // Opening such a path logs in to a server that the file's author chose.
  if (platform === "win32" && /^[\\/]{2}/.test(file)) {
    throw new TunnelError("KEY_PERMISSIONS", message("the key file {0} is on another machine: copy it to this one, and write its path here", plainText(file)));
  }
  if (isAbsolute(file)) return resolve(file);
  const path = resolve(workspaceFolder, file);
  const folder = realParent(workspaceFolder, ".");
  if (path === folder || !isInside(realParent(path, ".."), folder)) {
    throw new TunnelError(
      "KEY_PERMISSIONS",
      message("the key file {0} leads out of the workspace folder: write its full path, so that everybody sees where it is", plainText(file)),
    );
  }
  return path;
}

/** A folder with its links resolved, or unchanged when that is impossible: reading will say why. */
function realParent(path: string, up: "." | ".."): string {
  try {
    return realpathSync.native(resolve(path, up));
  } catch {
    return resolve(path, up);
  }
}
