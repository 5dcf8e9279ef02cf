/**
 * Reads tunnels.json and the tunnels.local.json beside it from the disk, bounded
 * and without waiting, and finds them. What they say is `contract/config-text.ts`.
 * Watching is the caller's.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { MAX_CONFIG_BYTES } from "../contract/config-document.ts";
import { type ConfigText, mergeConfigs, type ParsedConfig, type ParseOptions } from "../contract/config-text.ts";
import type { Problem } from "../contract/methods.ts";
import { plainText } from "../contract/plain-text.ts";
import { TunnelError } from "../errors.ts";
import { type OwnerUid, ownUid } from "./key-file-access.ts";

const FOLDER_NAME = ".vscode";
const FILE_NAME = "tunnels.json";
const LOCAL_FILE_NAME = "tunnels.local.json";

/** The folder that relative paths count from: the one that has the .vscode folder, or the file's own. */
export function workspaceFolderOf(configPath: string): string {
  const folder = dirname(configPath);
  return basename(folder) === FOLDER_NAME ? dirname(folder) : folder;
}

/** The personal file that overrides `configPath`; a user-level file has none beside it, which is fine. */
export function localConfigPath(configPath: string): string {
  return join(dirname(configPath), LOCAL_FILE_NAME);
}

/**
 * Reads a configuration and its personal overrides. A file that can't be read is a problem at its start. One that is
 * not there has no entries, which is said but is not `broken`: whoever removes a file means it. Never throws.
 */
export function readConfig(configPath: string, options: ParseOptions = {}): ParsedConfig {
  const texts: ConfigText[] = [];
  const problems: Problem[] = [];
  let unreadable = false;
  for (const path of [configPath, localConfigPath(configPath)]) {
    const read = readText(path);
    if (typeof read === "string") {
      texts.push({ path, text: read });
    } else if (read.exists || path === configPath) {
      unreadable ||= read.exists;
      problems.push({ code: "CONFIG_INVALID", message: read.message, path, offset: 0, length: 0, line: 1, column: 1 });
    }
  }
  const parsed = mergeConfigs(texts, options);
  const all = [...problems, ...parsed.problems];
  // Without the overrides an entry might do something else than its user wants.
  return unreadable ? { ...parsed, entries: new Map(), broken: true, problems: all } : { ...parsed, problems: all };
}

interface Unread {
  readonly exists: boolean;
  readonly message: string;
}

function readText(path: string): string | Unread {
  let bytes: Buffer;
  try {
    bytes = readBounded(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const exists = code !== "ENOENT" && code !== "ENOTDIR";
    return { exists, message: exists ? `the file can't be read: ${plainText(message)}` : "there is no such file: create it, or correct its path" };
  }
  if (bytes.length > MAX_CONFIG_BYTES) return { exists: true, message: "the file is larger than 1 MiB: is it a tunnels.json?" };
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { exists: true, message: "this is not UTF-8 text: save the file as UTF-8" };
  }
}

/** One byte more than is allowed at most; a pipe or device is refused before it can block. */
function readBounded(path: string): Buffer {
  const file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    if (!fs.fstatSync(file).isFile()) throw new Error("it is not a regular file");
    const buffer = Buffer.alloc(MAX_CONFIG_BYTES + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = fs.readSync(file, buffer, length, buffer.length - length, null);
    return buffer.subarray(0, length);
  } finally {
    fs.closeSync(file);
  }
}

/**
 * The nearest .vscode/tunnels.json in `folder` or above it, for the command line; undefined if there is none.
 * One in a parent folder counts only if nobody else could have put or changed it.
 * @throws TunnelError CONFIG_INVALID when the first one found is not only the user's
 */
export function findConfig(folder: string, options: { readonly owner?: OwnerUid } = {}): string | undefined {
  const owner = "owner" in options ? options.owner : ownUid();
  for (let current = folder; ; current = dirname(current)) {
    const path = join(current, FOLDER_NAME, FILE_NAME);
    if (fs.existsSync(path)) {
      if (current !== folder) assertOwn(path, owner);
      return path;
    }
    if (dirname(current) === current) return undefined;
  }
}

/** The file, its folder and the folder above, and the personal file if there is one. Windows has no mode bits: see key-file-access.ts. */
function assertOwn(path: string, owner: OwnerUid): void {
  if (owner === undefined) return;
  for (const one of [dirname(dirname(path)), dirname(path), path, localConfigPath(path)]) {
    const stat = fs.lstatSync(one, { throwIfNoEntry: false });
    if (!stat) continue;
    const others = stat.uid !== owner ? "belongs to another user" : (stat.mode & 0o022) !== 0 ? "can be written by others" : undefined;
    const fault = stat.isSymbolicLink() ? "is a symbolic link" : others;
    if (fault) {
      throw new TunnelError(
        "CONFIG_INVALID",
        `${plainText(one)} ${fault}, so ${plainText(path)} is not taken from a parent folder: name it with --config if you trust it`,
      );
    }
  }
}
