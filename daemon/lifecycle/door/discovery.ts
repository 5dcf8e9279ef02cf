/**
 * The discovery file: what the daemon says of itself beside its socket, written
 * after it has bound. On Windows it is how the random pipe name is found; on
 * other systems the socket's path is known and this is for people and for
 * messages. It proves nothing: a daemon lives if its socket answers, and the
 * process id may long be somebody else's.
 */
import { lstatSync, rmSync } from "node:fs";
import type { Endpoint } from "../paths.ts";
import { readPrivateFile, writePrivateFile } from "../private-file.ts";
import { isPrivateFolder } from "../private-folder.ts";
import { probeSocket } from "./socket-file.ts";

/** What a daemon says of itself. */
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

/** What the file holds. invalid: unreadable, not ours or not in this form; to be taken as missing, and worth a log line. */
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
  readonly endpoint: Endpoint;
  readonly socket: string;
  /** What it said of itself, if that is readable and about this socket. */
  readonly discovery: Discovery | undefined;
}

/**
 * Finds the living daemon: the first endpoint at which somebody listens, in a folder and at a socket that are the
 * user's alone (whoever could put a socket there could ask for keys). Undefined when none does; stale files are ignored.
 */
export async function findDaemon(endpoints: readonly Endpoint[], uid: number | undefined): Promise<FoundDaemon | undefined> {
  for (const endpoint of endpoints) {
    if (!isPrivateFolder(endpoint.folder, uid)) continue;
    const read = readDiscovery(endpoint.discoveryFile, uid);
    const discovery = read.kind === "found" ? read.discovery : undefined;
    const socket = endpoint.socketPath === "" ? discovery?.socket : endpoint.socketPath;
    if (socket === undefined || !isPrivateSocket(socket, uid) || (await probeSocket(socket)) !== "alive") continue;
    return { endpoint, socket, discovery: discovery?.socket === socket ? discovery : undefined };
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
