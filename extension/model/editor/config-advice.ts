/**
 * Advice about a tunnels.json without mistakes: a key file that git would share,
 * and a port that other machines can reach. The caller asks git. Pure.
 */
import { isIP } from "node:net";
import { type ConfigDocument, propertyOf } from "../../../shared/contract/config-document.ts";
import { hasUnfitCharacters } from "../../../shared/plain-text.ts";

/** The code of the diagnostic about a key file in the workspace that git does not ignore. */
export const KEY_FILE_SHARED = "key-file-shared";

/** The code of the diagnostic about a local port that other machines can reach. */
export const LISTEN_EXPOSED = "listen-exposed";

/** A range of the text, and the value in it. */
export interface Spot {
  readonly offset: number;
  readonly length: number;
  readonly value: string;
}

type Entries = Pick<ConfigDocument, "entries">;

/** Our choice, and the daemon's: git is asked about each key file, and a stranger's file could name thousands. */
const MAX_KEY_FILES = 100;

/** The key files that entries name, as written there; only the first ones if there are too many. */
export function keyFileSpots({ entries }: Entries): Spot[] {
  const spots = [...entries.values()].flatMap(({ value }) => {
    const key = propertyOf(value, "key")?.value;
    const references = key?.type === "array" ? (key.children ?? []) : [key];
    return references.flatMap((reference) => {
      const file = propertyOf(reference, "file")?.value;
      // A value that is not a path has its own squiggle, and can't be an argument of git.
      const isPath = file?.type === "string" && file.value !== "" && !hasUnfitCharacters(String(file.value));
      return file && isPath ? [{ offset: file.offset, length: file.length, value: String(file.value) }] : [];
    });
  });
  return spots.slice(0, MAX_KEY_FILES);
}

/**
 * The listen addresses of client entries that other machines can certainly reach: traffic to a client's port is not
 * encrypted. A server's port is encrypted, and meant for other machines.
 */
export function exposedSpots({ entries }: Entries): Spot[] {
  return [...entries.values()].flatMap(({ value }) => {
    const listen = propertyOf(value, "listen")?.value;
    if (listen?.type !== "string" || propertyOf(value, "role")?.value?.value === "server") return [];
    const text = String(listen.value);
    return isExposed(text) ? [{ offset: listen.offset, length: listen.length, value: text }] : [];
  });
}

/** Judges only the text itself; the daemon resolves a host name, and asks about it. */
function isExposed(listen: string): boolean {
  const host = /^(?:\[([^\]]*)\]|([^:/]*)):\d{1,5}$/.exec(listen);
  const text = host?.[1] ?? host?.[2];
  if (text === undefined) return false;
  if (text === "0") return true;
  if (isIP(text) === 0) return false;
  return !(text.startsWith("127.") || text === "::1" || /^::ffff:127\./i.test(text));
}
