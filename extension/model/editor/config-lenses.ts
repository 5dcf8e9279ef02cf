/**
 * The line above each entry of a tunnels.json: what can be done with the tunnel,
 * and its state. Positions come from the text as it is in the editor, states from
 * the store, by name. Pure.
 */
import type { DocumentEntry } from "../../../shared/contract/config-document.ts";
import type { TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import { COMMANDS } from "../../ids.ts";
import type { Translate } from "../translate.ts";
import { isOn, isOpen, stateOf, type TunnelItem } from "../tunnel-item.ts";
import { stateWord } from "../view/tunnel-row.ts";
import { type KnownKeys, missingKey } from "./entry-condition.ts";

/** One piece of the line. Offset and length in UTF-16 units, of the entry's name. */
export interface Lens {
  readonly offset: number;
  readonly length: number;
  readonly title: string;
  readonly tooltip: string | undefined;
  /** undefined: only text. */
  readonly command: string | undefined;
  readonly argument: TunnelRef | { readonly name: string } | undefined;
}

/** What the lines are made from. */
export interface LensContext {
  /** The file that the tunnels belong to; the same for its overrides. */
  readonly configPath: string;
  readonly find: (name: string) => TunnelItem | undefined;
  /** undefined: no daemon has been asked. */
  readonly keys: KnownKeys | undefined;
  /** The command that chooses a key for a tunnel. */
  readonly chooseKey: string;
  readonly t: Translate;
}

/** The lines of all entries, in the order of the text. */
export function configLenses(entries: Iterable<DocumentEntry>, context: LensContext): Lens[] {
  return [...entries].flatMap(({ name, key }) => {
    const at = { offset: key.offset, length: key.length };
    return partsOf(name, context).map((part) => ({ ...at, ...part }));
  });
}

type Part = Omit<Lens, "offset" | "length">;

function partsOf(name: string, context: LensContext): Part[] {
  const { t, configPath, find, keys, chooseKey } = context;
  const ref: TunnelRef = { configPath, name };
  const item = find(name);
  if (!item?.place) return [says(t("Save the file to open this tunnel"))];
  // Without ages: a lens is not redrawn every second.
  const state = says(stateWord(item, t));
  const close = does(t("$(debug-disconnect) Close"), { command: COMMANDS.close, argument: ref, tooltip: t("Close this tunnel") });
  const running = isOn(item) && !item.busy;
  if (item.fault) return [...(running ? [close] : []), says(t("$(error) Has a mistake, so it can't be opened"))];
  const parts: Part[] = [];
  const pending = item.approval.at === "pending";
  // What waits for approval isn't open, though it is wanted.
  if (!item.busy && (!running || stateOf(item) === "not-approved")) {
    const tooltip = pending ? t("Asks for your approval, then opens this tunnel") : t("Open this tunnel");
    parts.push(does(t("$(debug-start) Open"), { command: COMMANDS.open, argument: ref, tooltip }));
  }
  if (running) parts.push(close);
  if (pending && isOpen(item)) {
    const tooltip = t("Look at what this entry does before it may open");
    parts.push(does(t("$(verified) Review and approve"), { command: COMMANDS.approve, argument: ref, tooltip }));
  }
  const missing = isOpen(item) ? undefined : missingKey(item, keys);
  if (missing !== undefined) {
    parts.push(does(t("$(key) Choose key"), { command: chooseKey, argument: ref, tooltip: t("Key {0} is not on this machine", missing) }));
  }
  parts.push(does(t("Diagnose"), { command: COMMANDS.diagnose, argument: ref, tooltip: t("Find out stage by stage what works and what does not") }));
  return [...parts, state];
}

function does(
  title: string,
  { command, argument, tooltip }: { readonly command: string; readonly argument: Lens["argument"]; readonly tooltip: string },
): Part {
  return { title, command, argument, tooltip };
}

function says(title: string): Part {
  return { title, command: undefined, argument: undefined, tooltip: undefined };
}
