/**
 * Hovers in a tunnels.json: a tunnel's state over its name, and its keys over "key".
 * The lines are plain text: parts of them come from files and peers, so they must
 * not be shown as Markdown. The schema describes the properties. Pure.
 */
import type { Node } from "jsonc-parser";
import { type DocumentEntry, propertyOf } from "../../../shared/contract/config-document.ts";
import type { TunnelStatus } from "../../../shared/contract/state.ts";
import { failureHelp } from "../failures/failure-help.ts";
import type { TunnelItem } from "../tunnel-item.ts";
import { ago, type View } from "../view/format.ts";
import { tunnelRow } from "../view/tunnel-row.ts";
import { type KnownKeys, keyNames } from "./entry-condition.ts";

/** What is shown, and over which range of the text. */
export interface HoverText {
  readonly offset: number;
  readonly length: number;
  readonly lines: readonly string[];
}

/** What a hover is made from. */
export interface HoverContext extends View {
  readonly find: (name: string) => TunnelItem | undefined;
  /** undefined: no daemon has been asked. */
  readonly keys: KnownKeys | undefined;
}

/** The hover at an offset; undefined: nothing is known there. */
export function configHover(entries: Iterable<DocumentEntry>, offset: number, context: HoverContext): HoverText | undefined {
  for (const { name, key, value } of entries) {
    if (covers(key, offset)) {
      const item = context.find(name);
      return item && shown(key, tunnelLines(item, context));
    }
    const property = value && covers(value, offset) ? propertyOf(value, "key") : undefined;
    if (!property) continue;
    const place = [property.key, property.value].find((node) => node && covers(node, offset));
    const item = context.find(name);
    if (place && item) return shown(place, keyLines(item, context));
  }
  return undefined;
}

function tunnelLines(item: TunnelItem, context: HoverContext): string[] {
  const { t } = context;
  const row = tunnelRow(item, context);
  const lines = [row.stateText, row.addresses].filter((line) => line !== "");
  const { status } = item;
  if (!status) return lines;
  if (status.backendVerifiedAtMs !== undefined) lines.push(t("Last answer from the service: {0}", ago(status.backendVerifiedAtMs, context)));
  if (status.keyVerifiedAtMs !== undefined) lines.push(t("Key last verified: {0}", ago(status.keyVerifiedAtMs, context)));
  lines.push(t("Connections: {0} open, {1} in total", status.openConnections, status.totalConnections));
  return [...lines, ...failureLines(status, context)];
}

function failureLines({ lastFailure, role }: TunnelStatus, context: HoverContext): string[] {
  if (!lastFailure) return [];
  const { t } = context;
  const { cause, cure, detail } = failureHelp(lastFailure, { t, isOfTunnel: true, role });
  return [t("Last failure, {0}: {1}", ago(lastFailure.atMs, context), cause), cure, detail].filter((line) => line !== "");
}

function keyLines({ entry, status }: TunnelItem, { t, keys }: HoverContext): string[] {
  const names = keyNames(entry);
  if (keys) {
    return names.map((name) => {
      const fingerprint = keys.get(name);
      return fingerprint === undefined
        ? t("Key {0} is not on this machine. Import it, or generate one and give it to the server.", name)
        : t("Key {0}, fingerprint {1}", name, fingerprint);
    });
  }
  return (status?.keyFingerprints ?? []).map((fingerprint) => t("Key fingerprint: {0}", fingerprint));
}

function shown({ offset, length }: Node, lines: readonly string[]): HoverText | undefined {
  return lines.length > 0 ? { offset, length, lines } : undefined;
}

function covers({ offset, length }: Node, at: number): boolean {
  return at >= offset && at <= offset + length;
}
