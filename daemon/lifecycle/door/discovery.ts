/**
 * The discovery file: the daemon writes it beside its socket, after binding, to
 * describe itself. On Windows clients find the random pipe name there; on other
 * systems the socket's path is known, and the file is for people and messages.
 * The file proves nothing: a daemon is alive if its socket answers, and the
 * process id may belong to another process by now.
 */
import { lstatSync, rmSync } from "node:fs";
import type { DoorPlace } from "../paths.ts";
import { readPrivateFile, writePrivateFile } from "../private-file.ts";
import { isPrivateFolder } from "../private-folder.ts";
import { probeSocket } from "./socket-file.ts";

/** How a daemon describes itself. */
export interface Discovery {
  /** Socket path or pipe name. */
  readonly socket: string;
  /** For people; never a proof of life. */
  readonly pid: number;
  readonly instanceId: string;
  readonly version: string;
  readonly protocol: number;
  readonly startedAtMs: number;
  /** Windows: key of the mutual challenge (pipe-challenge.ts), hexadecimal. */
  readonly secret?: string;
}

/** What the file holds. invalid: unreadable, not ours or not in this form; treat it as missing, and log it. */
export type DiscoveryResult =
  | { readonly kind: "missing" }
  | { readonly kind: "invalid"; readonly reason: string }
  | { readonly kind: "found"; readonly discovery: Discovery };

/** Writes the file, 0600, by temporary file and rename. File errors are passed on. */
export function writeDiscovery(file: string, discovery: Discovery): void {
  writePrivateFile(file, `${JSON.stringify(discovery)}\n`);
}

/** Reads and checks the file: owner and mode (unless `uid` is undefined), then every field. */
export function readDiscovery(file: string, uid: number | undefined): DiscoveryResult {
  const read = readPrivateFile(file, uid);
  switch (read.kind) {
    case "missing":
      return read;
    case "untrusted":
      return { kind: "invalid", reason: read.reason };
    case "found": {
      const discovery = parse(read.text);
      return discovery === undefined ? { kind: "invalid", reason: "it is not in the form of a discovery file" } : { kind: "found", discovery };
    }
  }
}

/** Removes the file at the end, unless a successor has written its own. */
export function removeDiscovery(file: string, options: { readonly instanceId: string; readonly uid: number | undefined }): void {
  const read = readDiscovery(file, options.uid);
  if (read.kind === "found" && read.discovery.instanceId === options.instanceId) rmSync(file, { force: true });
}

/** A daemon that answers. */
export interface FoundDaemon {
  readonly door: DoorPlace;
  readonly socket: string;
  /** The daemon's discovery file, if it is readable and about this socket. */
  readonly discovery: Discovery | undefined;
}

/**
 * Finds the running daemon: the first door with a listener, in a folder and at a socket that only the user can open
 * (another user who could put a socket there could ask for keys). Undefined when there is no listener; stale files are ignored.
 */
export async function findDaemon(doors: readonly DoorPlace[], uid: number | undefined): Promise<FoundDaemon | undefined> {
  for (const door of doors) {
    if (!isPrivateFolder(door.folder, uid)) continue;
    const read = readDiscovery(door.discoveryFile, uid);
    const discovery = read.kind === "found" ? read.discovery : undefined;
    const socket = door.socketPath === "" ? discovery?.socket : door.socketPath;
    if (socket === undefined || !isPrivateSocket(socket, uid) || (await probeSocket(socket)) !== "alive") continue;
    return { door, socket, discovery: discovery?.socket === socket ? discovery : undefined };
  }
  return undefined;
}

/** Nobody but `uid` may connect. Always true where there are no owners (Windows). */
function isPrivateSocket(socketPath: string, uid: number | undefined): boolean {
  if (uid === undefined) return true;
  const stats = lstatSync(socketPath, { throwIfNoEntry: false });
  return stats?.isSocket() === true && stats.uid === uid && (stats.mode & 0o077) === 0;
}

function parse(text: string): Discovery | undefined {
  let value: Partial<Record<keyof Discovery, unknown>> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { socket, pid, instanceId, version, protocol, startedAtMs, secret } = value;
  if (typeof socket !== "string" || typeof instanceId !== "string" || typeof version !== "string") return undefined;
  if (!isCount(pid) || !isCount(protocol) || typeof startedAtMs !== "number") return undefined;
  if (secret !== undefined && typeof secret !== "string") return undefined;
  return { socket, pid, instanceId, version, protocol, startedAtMs, ...(secret === undefined ? {} : { secret }) };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
