/**
 * Which tunnels.json a command uses, and which of its entries: the file named
 * with --config, else the nearest .vscode/tunnels.json, else the user's own. The
 * file's problems are printed as FILE:LINE:COLUMN: message; after a mistake in one
 * entry the others can still be used.
 */
import { existsSync } from "node:fs";
import * as path from "node:path";
import { readConfig, sharedPath } from "../../shared/contract/config-file.ts";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import type { Problem } from "../../shared/contract/methods.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { nearest } from "../../shared/nearest.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import { findConfig } from "../config/find-config.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import type { Output } from "./output.ts";
import { nameList } from "./tunnel-line.ts";

/** A file, and the entries chosen from it. */
export interface Selection {
  readonly configPath: string;
  /** The chosen entries that can be used, in the order asked for. */
  readonly entries: ReadonlyMap<string, TunnelEntry>;
  /** Chosen entries with a mistake, which has been printed. */
  readonly faulty: readonly string[];
}

/** What to choose from. */
export interface SelectOptions {
  /** --config, as given. */
  readonly config: string | undefined;
  readonly paths: Pick<DaemonPaths, "userTunnelsFile">;
  readonly output: Output;
}

/**
 * The file that the command uses.
 * @throws TunnelError CONFIG_INVALID when there is none, or when other users can write to the nearest one
 */
export function configPathFor({ config, paths }: Pick<SelectOptions, "config" | "paths">): string {
  const found = knownConfigPath({ config, paths });
  if (found !== undefined) return found;
  const shown = plainText(currentFolder());
  throw new TunnelError(
    "CONFIG_INVALID",
    `there is no .vscode/tunnels.json in ${shown} or above it: write one (the README has an example under "Many tunnels"), or name a file with --config`,
  );
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new TunnelError("CONFIG_INVALID", "the current folder has been removed: change to another one", { cause });
  }
}

/** Like {@link configPathFor}, but undefined when there is no file. */
export function knownConfigPath({ config, paths }: Pick<SelectOptions, "config" | "paths">): string | undefined {
  if (config !== undefined) return sharedPath(path.resolve(config));
  const found = findConfig(currentFolder()) ?? (existsSync(paths.userTunnelsFile) ? paths.userTunnelsFile : undefined);
  return found === undefined ? undefined : sharedPath(found);
}

/**
 * Reads the file and chooses entries; prints the problems of the chosen ones. No names: all entries.
 * @throws TunnelError CONFIG_INVALID for a name that the file does not have, when no usable entry is left, and as {@link configPathFor}
 */
export function selectEntries(names: readonly string[], options: SelectOptions): Selection {
  const configPath = configPathFor(options);
  const config = readConfig(configPath);
  for (const problem of problemsOf(config, names)) options.output.note(problemLine(problem));
  const chosen = names.length > 0 ? [...new Set(names)] : [...config.entries.keys(), ...config.faults.keys()];
  for (const name of chosen) {
    if (!config.entries.has(name) && !config.faults.has(name) && !(config.broken && config.entries.size === 0)) throw unknownName(name, configPath, config);
  }
  const entries = new Map<string, TunnelEntry>();
  for (const name of chosen) {
    const entry = config.entries.get(name);
    if (entry) entries.set(name, entry);
  }
  if (entries.size === 0) {
    const why = config.problems.length > 0 ? "correct it first" : "it has no tunnel";
    throw new TunnelError("CONFIG_INVALID", `nothing can be opened from ${plainText(configPath)}: ${why}`);
  }
  return { configPath, entries, faulty: chosen.filter((name) => !entries.has(name)) };
}

/** The problems of the named entries; without names, all problems. If the file as a whole can't be read, its problems concern every entry. */
function problemsOf({ problems, faults, broken }: ParsedConfig, names: readonly string[]): readonly Problem[] {
  return names.length === 0 || broken ? problems : names.flatMap((name) => faults.get(name) ?? []);
}

/** `FILE:LINE:COLUMN: message`, which editors and terminals turn into a link. */
function problemLine({ path: file, line, column, message }: Problem): string {
  return `${file}:${line}:${column}: ${message}`;
}

function unknownName(name: string, configPath: string, config: ParsedConfig): TunnelError {
  const names = [...config.places.keys()];
  const guess = nearest(name, names);
  const known = names.length > 0 ? `it has ${nameList(names.map(quote))}` : "it has no tunnel";
  return new TunnelError("CONFIG_INVALID", `${plainText(configPath)} has no tunnel ${quote(name)}: ${guess ? `did you mean ${quote(guess)}?` : known}`);
}
