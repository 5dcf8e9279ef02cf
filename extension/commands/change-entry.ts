/**
 * Changes one property of a tunnel's entry, in the file that has the say about it:
 * the overrides in tunnels.local.json, if they name the property.
 */
import { localConfigPath } from "../../shared/contract/config-file.ts";
import { readEntry, setProperty } from "../model/editor/config-edit.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { currentText } from "../ui/editor/open-files.ts";
import { changeFile } from "../ui/editor/write-config.ts";

/**
 * Writes the property and has the files read again.
 * @throws TunnelError CONFIG_INVALID with cause and cure
 */
export async function changeEntry(
  { t, sources }: Pick<Services, "t" | "sources">,
  { source, name }: TunnelItem,
  { property, value }: { readonly property: string; readonly value: unknown },
): Promise<void> {
  const overrides = localConfigPath(source.configPath);
  const text = currentText(overrides);
  const isOverridden = text !== undefined && readEntry(text, name)?.[property] !== undefined;
  await changeFile({
    file: isOverridden ? overrides : source.configPath,
    change: (before) => (before === undefined ? undefined : setProperty(before, { name, property, value })),
    isPrivate: source.kind !== "workspace",
    t,
  });
  sources.refresh();
}
