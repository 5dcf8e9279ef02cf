/**
 * Changes one property of a tunnel's entry, in the file that decides it:
 * tunnels.local.json if the overrides there name the property, else tunnels.json.
 */
import { localConfigPath } from "../../shared/contract/config-file.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type EntryText, readEntry, setEntry, setProperty } from "../model/editor/config-edit.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { currentText } from "../ui/editor/open-files.ts";
import { changeFile } from "../ui/editor/write-config.ts";

/** Which property gets which value. */
export interface EntryChange {
  readonly property: string;
  /** undefined: the property is removed. */
  readonly value: unknown;
  /** In tunnels.local.json, which stays on this machine, whatever is written there yet. */
  readonly onlyHere?: boolean;
}

/** Whether tunnels.local.json names the property already. */
export function isOverridden({ source, name }: TunnelItem, property: string): boolean {
  const text = currentText(localConfigPath(source.configPath));
  return text !== undefined && readEntry(text, name)?.[property] !== undefined;
}

/**
 * Writes the property and has the files read again.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function changeEntry(
  { t, sources }: Pick<Services, "t" | "sources">,
  item: TunnelItem,
  { property, value, onlyHere = false }: EntryChange,
): Promise<void> {
  const { source, name } = item;
  const isLocal = onlyHere || isOverridden(item, property);
  await changeFile({
    file: isLocal ? localConfigPath(source.configPath) : source.configPath,
    change: (before) => {
      const hasEntry = before !== undefined && readEntry(before, name) !== undefined;
      if (hasEntry) return setProperty(before, { name, property, value });
      return isLocal ? setEntry(before, name, { [property]: value }) : undefined;
    },
    isPrivate: source.kind !== "workspace",
    t,
  });
  sources.refresh();
}

/**
 * The entry as its file has it now, without overrides.
 * @throws TunnelError CONFIG_INVALID
 */
export function writtenEntry(services: Pick<Services, "t">, item: TunnelItem): EntryText {
  const entry = readEntry(currentText(item.source.configPath) ?? "", item.name);
  if (!entry) throw notReadable(services, item);
  return entry;
}

/** An entry that its file does not have any more, or not in a form that can be read. */
export function notReadable({ t }: Pick<Services, "t">, { name }: Pick<TunnelItem, "name">): TunnelError {
  return new TunnelError("CONFIG_INVALID", t("The tunnel {0} can't be read from its file: look at the file.", name));
}
