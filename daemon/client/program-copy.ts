/**
 * A copy of tunneld.cjs outside the extension's folder, because an update removes
 * that folder while the daemon runs: <programDir>/<version>-<checksum>/tunneld.cjs,
 * folders 0700. The checksum (CRC-32) only tells two builds of one version apart; a
 * copy is right if every byte is the same. A wrong copy is replaced.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { crc32 } from "node:zlib";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { readDiscovery } from "../lifecycle/door/discovery.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import { writePrivateFile } from "../lifecycle/private-file.ts";
import { ensurePrivateFolder, explainFileError } from "../lifecycle/private-folder.ts";

const FILE_NAME = "tunneld.cjs";

/** Our choice: a version that was not used for a month is no longer needed. */
const KEEP_MS = 30 * 24 * 3_600_000;

/** What to copy, and where to. */
export interface ProgramCopyOptions {
  /** Absolute path of the extension's own tunneld.cjs. */
  readonly from: string;
  readonly version: string;
  /** `DaemonPaths.programDir`. */
  readonly programDir: string;
  /** Who must own the copy; undefined where there are no owners (Windows). */
  readonly uid: number | undefined;
  /** Where to find the version of the running daemon, whose copy is kept whatever its age. */
  readonly running?: Pick<DaemonPaths, "door" | "otherDoors">;
  readonly wallMs?: () => number;
}

/**
 * Makes the copy unless it exists, removes old copies, and returns the copy's absolute path.
 * @throws TunnelError DAEMON_UNREACHABLE with cause and cure
 */
export function copyProgram(options: ProgramCopyOptions): string {
  const { from, version, programDir, uid } = options;
  const nowMs = (options.wallMs ?? Date.now)();
  const bytes = readOriginal(from);
  const folder = path.join(programDir, `${inName(version)}-${crc32(bytes).toString(16).padStart(8, "0")}`);
  // A user who can write to the parent folder could replace this one.
  ensurePrivateFolder({ path: path.dirname(programDir), uid, others: "unwritable" });
  for (const own of [programDir, folder]) ensurePrivateFolder({ path: own, uid, others: "private" });
  const copy = path.join(folder, FILE_NAME);
  try {
    if (!isCopy(copy, bytes, uid)) {
      if (fs.lstatSync(copy, { throwIfNoEntry: false })?.isDirectory()) fs.rmSync(copy, { recursive: true });
      // Whole or not at all: another window may do the same at this moment.
      writePrivateFile(copy, bytes);
    }
    // The file's time says when the copy was last used.
    fs.utimesSync(copy, nowMs / 1000, nowMs / 1000);
  } catch (error) {
    throw explainFileError(error, { doing: "copy the program to", path: copy });
  }
  removeOld(options, { current: folder, beforeMs: nowMs - KEEP_MS });
  return copy;
}

function readOriginal(from: string): Buffer {
  try {
    return fs.readFileSync(from);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENOTDIR") throw explainFileError(cause, { doing: "read", path: from });
    throw new TunnelError("DAEMON_UNREACHABLE", message("the extension's dist/tunneld.cjs is missing: reinstall the extension"), { cause });
  }
}

/** A version as part of a folder's name. */
function inName(version: string): string {
  return version.replace(/[^\w.+-]/g, "_");
}

/** Whether a regular file of ours, which nobody else can write, has exactly these bytes. */
function isCopy(file: string, bytes: Buffer, uid: number | undefined): boolean {
  const stats = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size !== bytes.length) return false;
  if (uid !== undefined && (stats.uid !== uid || (stats.mode & 0o022) !== 0)) return false;
  return fs.readFileSync(file).equals(bytes);
}

/** Best effort: an old copy that stays does no harm. */
function removeOld({ programDir, running, uid }: ProgramCopyOptions, old: { readonly current: string; readonly beforeMs: number }): void {
  const files = running ? [running.door, ...running.otherDoors].map(({ discoveryFile }) => discoveryFile) : [];
  const inUse = files.flatMap((file) => {
    const read = readDiscovery(file, uid);
    return read.kind === "found" ? [`${inName(read.discovery.version)}-`] : [];
  });
  try {
    for (const name of fs.readdirSync(programDir)) {
      const folder = path.join(programDir, name);
      if (folder === old.current || inUse.some((start) => name.startsWith(start))) continue;
      const stats = fs.lstatSync(path.join(folder, FILE_NAME), { throwIfNoEntry: false }) ?? fs.lstatSync(folder);
      if (stats.mtimeMs < old.beforeMs) fs.rmSync(folder, { recursive: true, force: true });
    }
  } catch {
    // The next window tries again.
  }
}
