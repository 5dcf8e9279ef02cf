/**
 * The identity of an entry: the file it is written in and its name there. Whatever
 * is kept for a tunnel is kept under this identity.
 */

/** Names a tunnel: an entry of a file. */
export interface TunnelRef {
  readonly configPath: string;
  readonly name: string;
}

/** One text for a reference, to compare and to look up by; no path and no name has a NUL. */
export function refKey({ configPath, name }: TunnelRef): string {
  return `${configPath}\0${name}`;
}

/** Whether both name the same tunnel. */
export function sameRef(a: TunnelRef, b: TunnelRef): boolean {
  return a.configPath === b.configPath && a.name === b.name;
}

/**
 * A short stable id, by which a client can tell two tunnels apart: the name, and FNV-1a, 32 bits, of the path. Not secret,
 * not for security.
 */
export function createId(ref: TunnelRef): string {
  let hash = 0x811c9dc5;
  for (const unit of ref.configPath) {
    hash ^= unit.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193);
  }
  return `${ref.name}@${(hash >>> 0).toString(16).padStart(8, "0")}`;
}
