/**
 * The name of the daemon's socket: short, the same for everybody who means the
 * same state folder and protocol, and checked against the kernel's limit before
 * anyone binds it (a path that is too long is cut by some systems).
 */
import { realpathSync } from "node:fs";
import * as path from "node:path";

/** The longest path of a unix socket in bytes: sun_path less its NUL, unix(7) (108 on Linux, 104 on macOS and the BSDs). */
export function maxSocketPathBytes(platform: NodeJS.Platform): number {
  return platform === "linux" ? 107 : 103;
}

/** Our choice: a dot, six random characters and ".new" stand behind the name while a daemon binds; see singleton.ts. */
const PRIVATE_SUFFIX_BYTES = 11;

/** Whether a socket at this path can be bound, also under its longer private name. */
export function fitsSocketPath(socketPath: string, platform: NodeJS.Platform): boolean {
  return Buffer.byteLength(socketPath) + PRIVATE_SUFFIX_BYTES <= maxSocketPathBytes(platform);
}

/** For example `t1-0k3j9x0a7f2bq`: protocol version, then the state folder, hashed. No secret and no ward against collisions made on purpose. */
export function endpointName(stateDir: string, protocol: number): string {
  return `t${protocol}-${fnv1a64(stateDir).toString(36).padStart(13, "0")}`;
}

/** The folder's one true name, whichever links led to it and whether or not it exists yet. */
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
