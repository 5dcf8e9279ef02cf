/**
 * Short stable ids for tunnels: not secret, not for security, only so that a
 * client can tell two of them apart.
 */
import type { TunnelRef } from "./daemon-state.ts";

/** FNV-1a, 32 bits, of the path, behind the name. */
export function createId(ref: TunnelRef): string {
  let hash = 0x811c9dc5;
  for (const unit of ref.configPath) {
    hash ^= unit.codePointAt(0) ?? 0;
    hash = Math.imul(hash, 0x01000193);
  }
  return `${ref.name}@${(hash >>> 0).toString(16).padStart(8, "0")}`;
}
