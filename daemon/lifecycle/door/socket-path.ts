/**
 * The name of the daemon's socket: short, the same for every process with the
 * same state folder and protocol, and checked against the kernel's limit before
 * a daemon binds it (some systems cut a path that is too long).
 */
import { realpathSync } from "node:fs";
import * as path from "node:path";
import { maxSocketPathBytes } from "../../../shared/address.ts";

/** Our choice: a dot, six random characters and ".new" follow the name while a daemon binds; see singleton.ts. */
const PRIVATE_SUFFIX_BYTES = 11;

/** Whether a socket can be bound at this path and at the longer private name. */
export function fitsSocketPath(socketPath: string, platform: NodeJS.Platform): boolean {
  return Buffer.byteLength(socketPath) + PRIVATE_SUFFIX_BYTES <= maxSocketPathBytes(platform);
}

/** For example `t1-0k3j9x0a7f2bq`: protocol version, then the state folder, hashed. The hash is no secret and no protection against deliberate collisions. */
export function socketName(stateDir: string, protocol: number): string {
  return `t${protocol}-${fnv1a64(stateDir).toString(36).padStart(13, "0")}`;
}

/** The folder's path with all links resolved, whether or not the folder exists yet. */
export function canonicalPath(folder: string): string {
  const whole = path.resolve(folder);
  const missing: string[] = [];
  for (let existing = whole; ; existing = path.dirname(existing)) {
    try {
      return path.join(realpathSync(existing), ...missing);
    } catch {
      if (path.dirname(existing) === existing) return whole;
      missing.unshift(path.basename(existing));
    }
  }
}

/** FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv-17, 5): offset basis and prime are the algorithm's. */
function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
