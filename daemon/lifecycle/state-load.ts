/**
 * Reads a state file at start-up: the file, else its backup, else the initial
 * value. What can't be used is renamed, never overwritten or deleted.
 */
import { renameSync } from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import { readPrivateFile } from "./private-file.ts";

/** What to read, and what it must be. */
export interface LoadOptions<T> {
  readonly path: string;
  readonly uid: number | undefined;
  /** Throws if the value is not of this type. */
  readonly parse: (value: unknown) => T;
  readonly initial: () => T;
  readonly wallMs: () => number;
}

/** The value to start with, and what went wrong on the way to it: code CONFIG_INVALID, cause and cure. */
export interface LoadedState<T> {
  readonly value: T;
  readonly problems: readonly TunnelError[];
}

/** Reads the state; never throws. */
export function loadState<T>(options: LoadOptions<T>): LoadedState<T> {
  const problems: TunnelError[] = [];
  for (const path of [options.path, `${options.path}.bak`]) {
    const read = readValue(path, options);
    if (read.kind === "value") return { value: read.value, problems };
    if (read.kind === "unusable") problems.push(setAside(path, read.cause, options));
  }
  return { value: options.initial(), problems };
}

type ReadValue<T> = { readonly kind: "missing" } | { readonly kind: "unusable"; readonly cause: Error } | { readonly kind: "value"; readonly value: T };

function readValue<T>(path: string, { uid, parse }: LoadOptions<T>): ReadValue<T> {
  try {
    const read = readPrivateFile(path, uid);
    if (read.kind === "missing") return read;
    if (read.kind === "untrusted") return { kind: "unusable", cause: new Error(read.reason) };
    return { kind: "value", value: parse(JSON.parse(read.text)) };
  } catch (cause) {
    return { kind: "unusable", cause: cause as Error };
  }
}

function setAside<T>(path: string, cause: Error, { wallMs }: LoadOptions<T>): TunnelError {
  const aside = `${path}.unusable-${wallMs()}`;
  const why = `the state file ${path} can't be used (${cause.message.split("\n")[0]})`;
  try {
    renameSync(path, aside);
    return new TunnelError("CONFIG_INVALID", `${why}: it is kept as ${aside}; what it held (pins, approvals, ports) may have to be given again`, { cause });
  } catch {
    return new TunnelError("CONFIG_INVALID", `${why}, nor renamed: move it away by hand`, { cause });
  }
}
