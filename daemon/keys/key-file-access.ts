/**
 * Opens files that hold keys, and refuses those that are none. A workspace may
 * name any file, and the fingerprint of a key tells whether a guess of a file's
 * content is right: so only a small regular file of the user that nobody else can
 * read is ever read, and its real path is shown. All checks are made on the open
 * descriptor: what is judged is what is read. On Windows there are no mode bits
 * or uids, and the access lists that stand for them can't be read without native
 * code: there the user's own profile folder is the guard, and both are skipped.
 */
import * as fs from "node:fs";
import { dirname, resolve } from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { KEY_FILE_MIN_BYTES } from "./key-file.ts";

/** Our choice, by the design: no key is longer, and what is may be anything. */
const KEY_FILE_MAX_BYTES = 64 * 1024;

/** Who may own keys: the uid of this process; undefined on Windows, where nothing can be compared. */
export type OwnerUid = number | undefined;

/** The uid that files of this user have. */
export function ownUid(): OwnerUid {
  return process.platform === "win32" ? undefined : process.getuid?.();
}

/** A key file's content and where it really is. The bytes belong to the caller, who wipes them. */
export interface KeyFileContent {
  readonly bytes: Buffer;
  readonly realPath: string;
}

/**
 * Reads the key file at the absolute `path`. Links in the folders above it are followed and shown in `realPath`; the
 * file itself may not be a link.
 * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS or KEY_WEAK
 */
export function readPrivateFile(path: string, owner: OwnerUid): KeyFileContent {
  const shown = plainText(path);
  const realPath = realPathOf(path, shown);
  const file = open(realPath, shown);
  try {
    const stat = fs.fstatSync(file);
    checkFile(stat, { shown, owner });
    // The folders may have been exchanged since: the path to show must be the one that was opened.
    const now = fs.lstatSync(realPath, { throwIfNoEntry: false });
    if (now?.ino !== stat.ino || now.dev !== stat.dev || realPathOf(path, shown) !== realPath) {
      throw new TunnelError("KEY_NOT_FOUND", `the key file ${shown} was replaced while it was read: try again`);
    }
    return { bytes: readBounded(file, shown), realPath };
  } finally {
    fs.closeSync(file);
  }
}

/** The path with every link in its folders resolved; the last part is left alone. */
function realPathOf(path: string, shown: string): string {
  try {
    const absolute = resolve(path);
    return resolve(fs.realpathSync.native(dirname(absolute)), absolute.slice(dirname(absolute).length).replace(/^[\\/]+/, ""));
  } catch (cause) {
    throw unreadable(cause, shown);
  }
}

function open(path: string, shown: string): number {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
  try {
    // Non-blocking: a named pipe must not hold the daemon up.
    if (O_NOFOLLOW === 0 && fs.lstatSync(path).isSymbolicLink()) throw isLink(shown);
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    throw unreadable(cause, shown);
  }
}

function checkFile(stat: fs.Stats, { shown, owner }: { readonly shown: string; readonly owner: OwnerUid }): void {
  if (!stat.isFile()) {
    throw new TunnelError(
      "KEY_PERMISSIONS",
      `${shown} is ${stat.isDirectory() ? "a folder" : "a device, pipe or socket"}, not a key file: name a regular file`,
    );
  }
  if (owner !== undefined && stat.uid !== owner) {
    throw new TunnelError("KEY_PERMISSIONS", `the key file ${shown} belongs to another user: copy it to a file of your own`);
  }
  if (owner !== undefined && (stat.mode & 0o077) !== 0) {
    throw new TunnelError("KEY_PERMISSIONS", `the key file ${shown} can be read by other users: chmod 600 ${shown}`);
  }
  checkKeyLength(stat.size, shown);
}

/**
 * Refuses what can't be a key by its length.
 * @throws TunnelError KEY_WEAK
 */
export function checkKeyLength(bytes: number, shown: string): void {
  if (bytes < KEY_FILE_MIN_BYTES) {
    throw new TunnelError(
      "KEY_WEAK",
      `the key ${shown} has ${bytes} bytes; a strong one has ${KEY_FILE_MIN_BYTES} random bytes: make one with "tunneld keys generate"`,
    );
  }
  if (bytes > KEY_FILE_MAX_BYTES) {
    throw new TunnelError("KEY_WEAK", `the key ${shown} has more than ${KEY_FILE_MAX_BYTES} bytes: that is no key file, name the right one`);
  }
}

/** Reads to the end but not beyond what a key may have, whatever the size was a moment ago. */
function readBounded(file: number, shown: string): Buffer {
  const buffer = Buffer.alloc(KEY_FILE_MAX_BYTES + 1);
  try {
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) got = fs.readSync(file, buffer, length, buffer.length - length, null);
    checkKeyLength(length, shown);
    return Buffer.from(buffer.subarray(0, length));
  } catch (cause) {
    throw unreadable(cause, shown);
  } finally {
    buffer.fill(0);
  }
}

function isLink(shown: string): TunnelError {
  return new TunnelError("KEY_PERMISSIONS", `the key file ${shown} is a symbolic link: name the file it leads to`);
}

function unreadable(cause: unknown, shown: string): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const options = { cause };
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
      return new TunnelError(
        "KEY_NOT_FOUND",
        `there is no key file ${shown}: make it with "tunneld keygen ${shown}", copy it from the other end, or correct the path`,
        options,
      );
    case "ELOOP":
    case "EMLINK":
      return isLink(shown);
    case "EACCES":
    case "EPERM":
      return new TunnelError("KEY_PERMISSIONS", `this user may not read the key file ${shown}: change its owner or mode`, options);
    default:
      return new TunnelError("KEY_NOT_FOUND", `the key file ${shown} can't be read: ${(cause as Error).message}`, options);
  }
}

/** Tells the temporary files of one instant apart. */
let written = 0;

/**
 * Writes a new file that only its owner can read, whole or not at all; never overwrites.
 * @throws TunnelError CONFIG_INVALID
 */
export function writePrivateFile(path: string, bytes: Uint8Array): void {
  written += 1;
  const temporary = resolve(dirname(path), `.new-${process.pid}-${Date.now().toString(36)}-${written}.tmp`);
  try {
    const file = fs.openSync(temporary, "wx", 0o600);
    try {
      fs.writeFileSync(file, bytes);
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    placeNew(temporary, path);
  } catch (cause) {
    throw unwritable(cause as NodeJS.ErrnoException, path);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

/** link() fails if there is something at `path`, even if it came this instant; rename() would replace it. */
function placeNew(temporary: string, path: string): void {
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    // Some file systems (FAT, many network ones) have no links.
    const noLinks = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes((error as NodeJS.ErrnoException).code ?? "");
    if (!noLinks) throw error;
    fs.copyFileSync(temporary, path, fs.constants.COPYFILE_EXCL);
  }
}

function unwritable(cause: NodeJS.ErrnoException, path: string): TunnelError {
  const shown = plainText(path);
  const options = { cause };
  switch (cause.code) {
    case "EEXIST":
      return new TunnelError("CONFIG_INVALID", `${shown} exists already and is not overwritten: choose another name, or remove it yourself`, options);
    case "ENOENT":
    case "ENOTDIR":
      return new TunnelError("CONFIG_INVALID", `the folder of ${shown} does not exist: create it first`, options);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TunnelError("CONFIG_INVALID", `this user may not write ${shown}: choose another folder`, options);
    default:
      return new TunnelError("CONFIG_INVALID", `can't write ${shown}: ${cause.message}`, options);
  }
}
