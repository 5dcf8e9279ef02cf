/**
 * Opens files that hold keys, and refuses other files. A workspace may name any
 * file, and the fingerprint of a key tells whether a guess of a file's content is
 * right: so only a small regular file of the user that nobody else can read is
 * ever read, and its real path is shown. All checks are made on the open
 * descriptor, so that the file that is checked is the file that is read. Windows
 * has no mode bits or uids, and the access lists that stand for them can't be read
 * without native code: there the user's own profile folder is the guard, and both
 * checks are skipped. The caller may allow links, and more files for a service.
 */
import * as fs from "node:fs";
import { dirname, resolve } from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import { KEY_FILE_MIN_BYTES } from "./key-file.ts";
import { followInside } from "./key-file-link.ts";

/** Our choice, by the design: no key is longer, and a longer file may be anything. */
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

/** What may be read beside a file that the user owns and nobody else can read. */
export interface KeyFileTrust {
  /** The file may be a link that stays inside its folder (key-file-link.ts); ignored where files have no owners. */
  readonly links?: boolean;
  /** The file may be root's: whoever is root reads everything anyway. */
  readonly ofRoot?: boolean;
  /** Members of these groups may read it. */
  readonly groups?: readonly number[];
  /** The file may be root's, and everybody may read it, because somebody has said so. */
  readonly shared?: boolean;
}

/** Our choice: how often a file is tried that is replaced while we read it. */
const READ_ATTEMPTS = 3;

/**
 * Reads the key file at the absolute `path`. Links in the folders above it are followed and shown in `realPath`; the
 * file itself may be a link only where `trust` says so. `realPath` is then the link's own path, which outlives rotations.
 * @throws TunnelError KEY_NOT_FOUND, KEY_PERMISSIONS or KEY_WEAK
 */
export function readOwnKeyFile(path: string, owner: OwnerUid, trust: KeyFileTrust = {}): KeyFileContent {
  const shown = plainText(path);
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
    const content = readOnce(path, shown, { owner, trust });
    if (content) return content;
  }
  throw new TunnelError("KEY_NOT_FOUND", message("the key file {0} was replaced while it was read: try again", shown));
}

/** Whose files are read. */
interface Reader {
  readonly owner: OwnerUid;
  readonly trust: KeyFileTrust;
}

/** undefined: the file was replaced meanwhile. */
function readOnce(path: string, shown: string, reader: Reader): KeyFileContent | undefined {
  const realPath = realPathOf(path, shown);
  const target = targetOf(realPath, shown, reader);
  const file = open(target, shown);
  try {
    const stat = fs.fstatSync(file);
    checkFile(stat, { shown, ...reader });
    // The folders may have been replaced since: the path that is shown must be the path that was opened.
    const now = fs.lstatSync(target, { throwIfNoEntry: false });
    if (now?.ino !== stat.ino || now.dev !== stat.dev) return undefined;
    if (realPathOf(path, shown) !== realPath || targetOf(realPath, shown, reader) !== target) return undefined;
    return { bytes: readBounded(file, shown), realPath };
  } finally {
    fs.closeSync(file);
  }
}

/** The path to open; for a link that may be followed, the path it leads to. */
function targetOf(realPath: string, shown: string, { owner, trust }: Reader): string {
  if (trust.links !== true || owner === undefined) return realPath;
  try {
    return fs.lstatSync(realPath).isSymbolicLink() ? followInside(realPath, { shown, owner }) : realPath;
  } catch (cause) {
    throw unreadable(cause, shown);
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

function checkFile(stat: fs.Stats, { shown, owner, trust }: Reader & { readonly shown: string }): void {
  if (!stat.isFile()) {
    throw new TunnelError(
      "KEY_PERMISSIONS",
      stat.isDirectory()
        ? message("{0} is a folder, not a key file: name a regular file", shown)
        : message("{0} is a device, pipe or socket, not a key file: name a regular file", shown),
    );
  }
  if (owner !== undefined) {
    const fault = ownerFault(stat, owner, trust) ?? modeFault(stat, owner, trust);
    if (fault !== undefined) throw new TunnelError("KEY_PERMISSIONS", fault(shown));
  }
  checkKeyLength(stat.size, shown);
}

/** What is wrong with the file that is shown so, and the cure. */
type Fault = (shown: string) => Message;

const OTHERS_FILE: Fault = (shown) => message("the key file {0} belongs to another user: copy it to a file of your own", shown);
const ROOTS_FILE: Fault = (shown) =>
  message('the key file {0} belongs to root: write "shared": true beside "file" if that is meant (a mounted secret), or copy it to a file of your own', shown);
const WRITABLE: Fault = (shown) => message("the key file {0} can be written by other users: chmod go-w {0}", shown);
const READABLE: Fault = (shown) => message("the key file {0} can be read by other users: chmod 600 {0}", shown);
/** The user can't change it: a secret that an orchestrator has mounted. */
const READABLE_MOUNT: Fault = (shown) =>
  message(
    'the key file {0} can be read by other users: write "shared": true beside "file" if that is meant (a mounted secret), or copy it to a file of your own',
    shown,
  );

function ownerFault({ uid }: fs.Stats, owner: number, trust: KeyFileTrust): Fault | undefined {
  if (uid === owner) return undefined;
  if (uid !== 0) return OTHERS_FILE;
  return trust.ofRoot === true || trust.shared === true ? undefined : ROOTS_FILE;
}

function modeFault({ uid, gid, mode }: fs.Stats, owner: number, trust: KeyFileTrust): Fault | undefined {
  const open = mode & 0o077 & ~groupsShare({ uid, gid }, trust) & ~(trust.shared === true ? 0o055 : 0);
  if (open === 0) return undefined;
  if (trust.shared === true) return WRITABLE;
  return uid === owner ? READABLE : READABLE_MOUNT;
}

/** The bits that a group may have without harm. Root trusts root's group. With an access list, as systemd makes one, the group's bits stand for the list. */
function groupsShare({ uid, gid }: Pick<fs.Stats, "uid" | "gid">, { groups }: KeyFileTrust): number {
  if (groups === undefined) return 0;
  return groups.includes(gid) || (uid === 0 && gid === 0) ? 0o050 : 0;
}

/**
 * Refuses a length that no key can have.
 * @throws TunnelError KEY_WEAK
 */
export function checkKeyLength(bytes: number, shown: string): void {
  if (bytes < KEY_FILE_MIN_BYTES) {
    throw new TunnelError(
      "KEY_WEAK",
      message('the key {0} has {1} bytes; a strong one has {2} random bytes: make one with "tunneld keys generate"', shown, bytes, KEY_FILE_MIN_BYTES),
    );
  }
  if (bytes > KEY_FILE_MAX_BYTES) {
    throw new TunnelError("KEY_WEAK", message("the key {0} has more than {1} bytes: that is no key file, name the right one", shown, KEY_FILE_MAX_BYTES));
  }
}

/** Reads to the end of the file, but no more bytes than a key may have, whatever the size was a moment ago. */
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
  return new TunnelError("KEY_PERMISSIONS", message("the key file {0} is a symbolic link: name the file it leads to", shown));
}

function unreadable(cause: unknown, shown: string): TunnelError {
  if (cause instanceof TunnelError) return cause;
  const options = { cause };
  switch ((cause as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
      return new TunnelError(
        "KEY_NOT_FOUND",
        message('there is no key file {0}: make it with "tunneld keygen {0}", copy it from the other end, or correct the path', shown),
        options,
      );
    case "ELOOP":
    case "EMLINK":
      return isLink(shown);
    case "EACCES":
    case "EPERM":
      return new TunnelError("KEY_PERMISSIONS", message("this user may not read the key file {0}: change its owner or mode", shown), options);
    default:
      return new TunnelError("KEY_NOT_FOUND", message("the key file {0} can't be read: {1}", shown, (cause as Error).message), options);
  }
}
