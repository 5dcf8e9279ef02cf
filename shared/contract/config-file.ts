/**
 * Reads tunnels.json and the tunnels.local.json beside it, bounded and without
 * waiting; an editor's unsaved text can stand in for a file. The only file of
 * contract/ that touches the disk: daemon, command line and extension must read
 * alike. `config-text.ts` judges what the texts say. The caller watches the files.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Message, message } from "../message.ts";
import { plainText } from "../plain-text.ts";
import { boundsOf, LOCAL_FILE_NAME, maxBytes, tooLong } from "./config-bounds.ts";
import { type ConfigProblem, configProblem } from "./config-document.ts";
import { type ConfigText, mergeConfigs, type ParsedConfig, type ParseOptions } from "./config-text.ts";

/** The folder of a workspace in which its tunnels.json lies. */
export const CONFIG_FOLDER_NAME = ".vscode";

/** The folder that relative paths count from: the one that has the .vscode folder, or the file's own. */
export function workspaceFolderOf(configPath: string): string {
  const folder = dirname(configPath);
  return basename(folder) === CONFIG_FOLDER_NAME ? dirname(folder) : folder;
}

/** The personal file that overrides `configPath`; a user-level file has none beside it, which is fine. */
export function localConfigPath(configPath: string): string {
  return join(dirname(configPath), LOCAL_FILE_NAME);
}

/** A file's path as windows and commands both write it, so that they mean one tunnel: on Windows with a small drive letter, as in VS Code. */
export function sharedPath(path: string, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" ? path.replace(/^[A-Z]:/, (drive) => drive.toLowerCase()) : path;
}

/** How to read. */
export interface ReadOptions extends ParseOptions {
  /** Texts of open editors by absolute path: used instead of the file on the disk, whether there is one or not. */
  readonly texts?: ReadonlyMap<string, string>;
}

/**
 * Reads a configuration and its personal overrides. A file that can't be read is a problem at its start. A file that is
 * not there has no entries: that is a problem too, but not `broken`, because a file is removed on purpose. Never
 * throws.
 */
export function readConfig(configPath: string, options: ReadOptions = {}): ParsedConfig {
  const texts: ConfigText[] = [];
  const problems: ConfigProblem[] = [];
  let unreadable = false;
  for (const path of [configPath, localConfigPath(configPath)]) {
    const read = options.texts?.get(path) ?? readText(path);
    if (typeof read === "string") {
      texts.push({ path, text: read });
    } else if (read.exists || path === configPath) {
      unreadable ||= read.exists;
      problems.push(configProblem(read.text, { path, offset: 0, length: 0, line: 1, column: 1 }));
    }
  }
  const parsed = mergeConfigs(texts, options);
  const all = [...problems, ...parsed.problems];
  // Without the overrides an entry might do something else than its user wants.
  return unreadable ? { ...parsed, entries: new Map(), broken: true, problems: all } : { ...parsed, problems: all };
}

interface Unread {
  readonly exists: boolean;
  readonly text: Message;
}

function readText(path: string): string | Unread {
  const bounds = boundsOf(path);
  let bytes: Buffer;
  try {
    bytes = readBounded(path, maxBytes(bounds));
  } catch (error) {
    const { code, message: reason } = error as NodeJS.ErrnoException;
    const exists = code !== "ENOENT" && code !== "ENOTDIR";
    const text = exists ? message("the file can't be read: {0}", plainText(reason)) : message("there is no such file: create it, or correct its path");
    return { exists, text };
  }
  if (bytes.length > maxBytes(bounds)) return { exists: true, text: tooLong(bounds) };
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { exists: true, text: message("this is not UTF-8 text: save the file as UTF-8") };
  }
}

/** Reads at most one byte more than is allowed; a pipe or device is refused before it can block. */
function readBounded(path: string, most: number): Buffer {
  const file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    if (!fs.fstatSync(file).isFile()) throw new Error("it is not a regular file");
    const buffer = Buffer.alloc(most + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = fs.readSync(file, buffer, length, buffer.length - length, null);
    return buffer.subarray(0, length);
  } finally {
    fs.closeSync(file);
  }
}
