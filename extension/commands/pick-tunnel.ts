/**
 * Which tunnel a command is about: the one that it was called with (by a tree row,
 * a CodeLens, a notification, or another extension by name), or the one that the
 * user picks.
 */
import * as vscode from "vscode";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import { tunnelRow } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";

/** What a command may be called with: a tree row, a reference, a name; anything else is ignored. */
type TunnelArgument = { readonly item: TunnelItem } | TunnelRef | string | undefined;

/** How to ask. */
export interface PickOptions {
  readonly title: string;
  /** Which tunnels are offered. */
  readonly filter?: (item: TunnelItem) => boolean;
  /** Shown when none is offered. */
  readonly none: string;
}

/** The tunnel that `argument` names; undefined when there is none. */
export function tunnelOf({ store }: Pick<Services, "store">, argument: unknown): TunnelItem | undefined {
  if (typeof argument === "string") return store.items.find(({ name }) => name === argument);
  if (typeof argument !== "object" || argument === null) return undefined;
  const given = argument as Exclude<TunnelArgument, string | undefined>;
  // Other extensions may call with anything.
  const { configPath, name }: Record<keyof TunnelRef, unknown> =
    "item" in given ? { configPath: given.item?.source?.configPath, name: given.item?.name } : given;
  return typeof configPath === "string" && typeof name === "string" ? store.find({ configPath, name }) : undefined;
}

/** The tunnel that `argument` names, else the one that the user picks; undefined: none was picked, or there is none and the user was told. */
export async function pickTunnel(services: Services, argument: unknown, { title, filter = () => true, none }: PickOptions): Promise<TunnelItem | undefined> {
  const given = tunnelOf(services, argument);
  if (given) return given;
  const items = services.store.items.filter(filter);
  if (items.length === 0) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(
    items.map((item) => pickItem(item, services)),
    { title, placeHolder: services.t("Choose a tunnel"), matchOnDescription: true, matchOnDetail: true },
  );
  return picked?.item;
}

/** A tunnel as a row of a quick pick. If several files have tunnels, the row names the file: two tunnels may have the same name. */
export function pickItem(item: TunnelItem, { t, store }: Pick<Services, "t" | "store">): vscode.QuickPickItem & { readonly item: TunnelItem } {
  const row = tunnelRow(item, { t, nowMs: Date.now(), steps: "minutes" });
  const hasOtherFiles = store.items.some(({ source }) => source.configPath !== item.source.configPath);
  const detail = hasOtherFiles ? `${plainText(item.source.label, { maxLength: 64 })} · ${row.stateText}` : row.stateText;
  return { label: `$(${row.icon}) ${row.label}`, description: row.addresses, detail, item };
}
