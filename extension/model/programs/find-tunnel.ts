/**
 * Which tunnel a bare name means: in settings, tasks, launch.json and the API, where
 * no file is named with it. The folder's own tunnels come first, then the user's,
 * then those of the workspace's other folders. Without a particular folder, the
 * workspace's tunnels come before the user's.
 */
import { nearest } from "../../../shared/nearest.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";
import { isForFolder } from "./environment.ts";

/** What a name leads to. */
export type FoundTunnel =
  | { readonly at: "found"; readonly item: TunnelItem }
  | { readonly at: "unknown"; readonly name: string; readonly nearest: string | undefined };

/** The tunnel called `name`, as seen from `folder` (undefined: from no folder in particular). */
export function findTunnel(items: readonly TunnelItem[], name: string, folder: string | undefined): FoundTunnel {
  const named = items.filter((item) => item.name === name);
  const near = folder === undefined ? [] : named.filter((one) => isForFolder(one, folder));
  const item = near.find(({ source }) => source.folder === folder) ?? near[0] ?? named[0];
  if (item) return { at: "found", item };
  const names = items.map((one) => one.name);
  return { at: "unknown", name, nearest: nearest(name, names) };
}

/** Says that there is no such tunnel, and which tunnel may be meant. */
export function unknownTunnelText({ name, nearest: near }: Extract<FoundTunnel, { readonly at: "unknown" }>, t: Translate): string {
  const shown = plainText(name, { maxLength: 64 });
  return near === undefined
    ? t('There is no tunnel "{0}". Look at the names in tunnels.json.', shown)
    : t('There is no tunnel "{0}". Did you mean "{1}"?', shown, plainText(near, { maxLength: 64 }));
}
