/**
 * The keys that the daemon has, for lenses, hovers and fixes in editors. Only a
 * running daemon is asked, and not more often than necessary.
 */
import type { Result } from "../../../shared/contract/methods.ts";
import { TunnelError } from "../../../shared/errors.ts";
import type { KnownKeys } from "../../model/editor/entry-condition.ts";
import type { Services } from "../../services.ts";

/** Our choice: lenses, hovers and fixes often ask together. */
const FRESH_MS = 500;

/** Fingerprints by name; undefined: no daemon runs, or it did not answer. Never rejects. */
export type AskKeys = () => Promise<KnownKeys | undefined>;

/** See the file's header. */
export function keyAsker({ link }: Pick<Services, "link">, wallMs: () => number): AskKeys {
  let last: { readonly atMs: number; readonly keys: Promise<KnownKeys | undefined> } | undefined;
  return () => {
    if (link.state.at !== "connected") return Promise.resolve(undefined);
    const nowMs = wallMs();
    if (!last || nowMs < last.atMs || nowMs - last.atMs > FRESH_MS) last = { atMs: nowMs, keys: listedKeys(link) };
    return last.keys;
  };
}

/** Asks the daemon, and starts it if necessary; undefined: it does not answer. */
export function listedKeys(link: Services["link"]): Promise<KnownKeys | undefined> {
  return link.request("keys/list", {}).then(known, unknown);
}

function known({ keys }: Result<"keys/list">): KnownKeys {
  return new Map(keys.map(({ name, fingerprint }) => [name, fingerprint]));
}

function unknown(error: unknown): undefined {
  if (!(error instanceof TunnelError)) throw error;
  return undefined;
}
