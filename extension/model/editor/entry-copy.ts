/** Names, ports and groups for entries that are duplicated, renamed or moved. Pure. */
import { entrySchema, NAME_PATTERN } from "../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { listenAt, listenValue, nameRival } from "../asking/ad-hoc.ts";
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";
import type { EntryText } from "./config-edit.ts";

/** A free name for a copy: the name with the next number. */
export function copyName(name: string, items: readonly Pick<TunnelItem, "name">[]): string {
  const taken = new Set(items.map((item) => item.name));
  const base = name.replace(/-\d{1,4}$/, "").slice(0, 59);
  for (let number = 2; ; number += 1) if (!taken.has(`${base}-${number}`)) return `${base}-${number}`;
}

/** The same entry at another port; a socket's path has none, so it becomes a port. */
export function entryCopy(entry: EntryText, port: number): EntryText {
  const { listen } = entry;
  return { ...entry, listen: typeof listen === "string" ? listenValue(listenAt(listen, port)) : port };
}

/** What is wrong with a name for an entry of this file; undefined: nothing. `own`: the name that it has. */
export function entryNameFault(
  typed: string,
  { items, own, t }: { readonly items: readonly TunnelItem[]; readonly own?: string; readonly t: Translate },
): string | undefined {
  const name = typed.trim();
  if (!NAME_PATTERN.test(name)) return t("Use 1 to 64 letters, digits, dots, dashes and underscores.");
  return name === own ? undefined : nameRival(name, { items, t });
}

/** What is wrong with a group's name; undefined: nothing. */
export function groupFault(typed: string, t: Translate): string | undefined {
  return entrySchema.shape.group.safeParse(typed.trim()).success ? undefined : t("Use 1 to 64 characters.");
}

/** The groups that tunnels have, each once, in their order. */
export function groupsOf(items: readonly TunnelItem[]): string[] {
  return [...new Set(items.flatMap(({ entry }) => (entry?.group === undefined ? [] : [entry.group])))];
}

/** A group as a row shows it. */
export function groupLabel(group: string): string {
  return plainText(group, { maxLength: 64 });
}

/** The names with `name` put in, or taken out if it was there. */
export function toggled(names: readonly string[], name: string): { readonly names: string[]; readonly isIn: boolean } {
  const isIn = !names.includes(name);
  return { names: isIn ? [...names, name] : names.filter((one) => one !== name), isIn };
}
