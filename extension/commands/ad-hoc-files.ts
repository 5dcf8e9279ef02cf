/**
 * Save and remove ad-hoc tunnels: saving moves a tunnel from the ad-hoc file to a
 * file of the workspace or the user's own; removing deletes it.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { draftFault, draftOf, savedEntry } from "../model/asking/ad-hoc.ts";
import { removeEntry } from "../model/editor/config-edit.ts";
import { isOn, refOf, type TunnelItem, type TunnelSource } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { changeFile } from "../ui/editor/write-config.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { writtenEntry } from "./change-entry.ts";
import { approveAsTyped, writeEntry } from "./new-entry.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** Both commands take a tunnel; without one they ask for it. */
export function registerAdHocFiles(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.saveAdHoc, (argument?: unknown) => shownFailures(services, () => save(services, argument))));
  owned.add(vscode.commands.registerCommand(COMMANDS.removeAdHoc, (argument?: unknown) => shownFailures(services, () => remove(services, argument))));
  return owned;
}

async function save(services: Services, argument: unknown): Promise<void> {
  const { t, actions } = services;
  const item = await pickAdHoc(services, argument, t("Save Ad-hoc Tunnel"));
  const source = item && (await pickTarget(services));
  if (!source) return;
  const entry = savedEntry(writtenEntry(services, item));
  const name = await freeName(services, item.name, source);
  if (name === undefined) return;
  const wasOn = isOn(item);
  const wasApproved = item.approval.at === "approved";
  const saved = await writeEntry(services, { source, name, entry });
  // Two tunnels can't listen at one address: the old tunnel closes first, unless others need it.
  if (wasOn && !(await actions.close(item))) {
    await drop(services, saved);
    return;
  }
  await drop(services, item);
  const draft = draftOf(name, entry);
  if (wasApproved && draft && vscode.workspace.isTrusted) await approveAsTyped(services, refOf(saved), draft);
  if (wasOn) await actions.open(saved);
}

async function remove(services: Services, argument: unknown): Promise<void> {
  const { t, actions } = services;
  const item = await pickAdHoc(services, argument, t("Remove Ad-hoc Tunnel"));
  if (!item) return;
  if (isOn(item) && !(await actions.close(item))) return;
  await drop(services, item);
}

async function drop({ t, sources }: Services, { source, name }: TunnelItem): Promise<void> {
  await changeFile({
    file: source.configPath,
    change: (text) => (text === undefined ? undefined : removeEntry(text, name)),
    isPrivate: source.kind !== "workspace",
    t,
  });
  sources.refresh();
}

async function pickAdHoc(services: Services, argument: unknown, title: string): Promise<TunnelItem | undefined> {
  const item = await pickTunnel(services, argument, {
    title,
    filter: ({ source }) => source.kind === "ad-hoc",
    none: services.t("No ad-hoc tunnels."),
  });
  return item?.source.kind === "ad-hoc" ? item : undefined;
}

async function pickTarget({ t, sources }: Services): Promise<TunnelSource | undefined> {
  const rows = sources.configs.flatMap(({ source }) => {
    if (source.kind === "ad-hoc") return [];
    const isOwn = source.kind === "personal";
    return [{ label: isOwn ? `$(account) ${t("My tunnels")}` : `$(folder) ${source.label}`, description: source.configPath, source }];
  });
  if (rows.length === 1) return rows[0]?.source;
  return (await vscode.window.showQuickPick(rows, { title: t("Save Ad-hoc Tunnel"), placeHolder: t("Choose where to keep it") }))?.source;
}

/** The tunnel's own name; asks for another if the file already has a tunnel of this name. */
async function freeName({ t, store }: Services, name: string, { configPath }: TunnelSource): Promise<string | undefined> {
  const isTaken = (wanted: string): boolean => store.find({ configPath, name: wanted })?.place !== undefined;
  if (!isTaken(name)) return name;
  const fault = (typed: string): string | undefined => {
    const wanted = typed.trim();
    return isTaken(wanted) ? t("There is a tunnel {0} already: choose another name.", wanted) : draftFault({ name: wanted }, { t, platform: process.platform });
  };
  const typed = await vscode.window.showInputBox({
    title: t("Save Ad-hoc Tunnel"),
    prompt: t("A name for the tunnel."),
    value: name,
    ignoreFocusOut: true,
    validateInput: fault,
  });
  return typed?.trim();
}
