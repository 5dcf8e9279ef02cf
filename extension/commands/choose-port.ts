/**
 * Gives a tunnel another port. Called from the notification that says that the
 * tunnel's port is taken, or that the system does not let it listen there.
 */

import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { CHOOSE_PORT } from "../ids.ts";
import { candidatePorts, listenAt, listenValue } from "../model/asking/ad-hoc.ts";
import { portOwnerOf, portOwnerText } from "../model/failures/port-owner.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { findFreePort } from "../ui/editor/free-port.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { askListen } from "./ask-listen.ts";
import { changeEntry, isOverridden } from "./change-entry.ts";
import { offerIgnore } from "./create-config.ts";
import { approveAsTyped } from "./new-entry.ts";
import { tunnelOf } from "./pick-tunnel.ts";
import { askPick, type Choice } from "./steps.ts";

/** The command takes a tunnel and resolves to where it listens now, as it was typed; undefined: nothing was chosen. */
export function registerChoosePort(services: Services): Disposable {
  return vscode.commands.registerCommand(CHOOSE_PORT, (argument?: unknown) => shownFailures(services, () => choosePort(services, argument)));
}

/** The new address, as it was typed, and whether it is for this machine only. */
interface NewPort {
  readonly listen: string;
  readonly onlyHere: boolean;
}

async function choosePort(services: Services, argument: unknown): Promise<string | undefined> {
  const item = tunnelOf(services, argument);
  const chosen = item && (await ask(services, item));
  if (!chosen) return undefined;
  const { listen, onlyHere } = chosen;
  await changeEntry(services, item, { property: "listen", value: listenValue(listen), onlyHere });
  await approveChange(services, item, listen);
  const { configPath, folder } = item.source;
  if (onlyHere && folder !== undefined) void offerIgnore(services, configPath, folder);
  return listen;
}

/** Asks for the port and, if the file is shared, where it is written. */
async function ask(services: Services, item: TunnelItem): Promise<NewPort | undefined> {
  if (!item.entry) return undefined;
  const { t, store } = services;
  const isShared = item.source.kind === "workspace" && !isOverridden(item, "listen");
  const common = { title: t("Choose Another Port for {0}", tunnelName(item)), totalSteps: isShared ? 2 : 1 };
  let suggested = listenAt(item.entry.listen, await findFreePort(candidatePorts(item.entry.service, store.items)));
  for (;;) {
    const port = await askListen(services, {
      ...{ ...common, step: 1 },
      prompt: promptOf(item, t),
      suggested,
      target: item.entry.target,
      others: store.items.filter((other) => other !== item),
    });
    if (port.at !== "next") return undefined;
    const listen = port.value;
    if (!isShared) return { listen, onlyHere: false };
    const where = await askPick({ ...common, step: 2, placeholder: t("Who gets port {0}?", listen), choices: placesOf(t) });
    if (where.at === "next") return { listen, onlyHere: where.value === "here" };
    if (where.at === "cancelled") return undefined;
    suggested = listen;
  }
}

/** What keeps the port, if it is known, and what is asked for. */
function promptOf({ entry, status }: TunnelItem, t: Services["t"]): string {
  const owner = status?.lastFailure?.code === "LISTEN_IN_USE" ? portOwnerOf(status.lastFailure.message) : undefined;
  const prompt =
    entry?.role === "server"
      ? t("The port on this machine that the clients' ends connect to.")
      : t("The port on this machine that your programs will connect to. 0 picks a free one.");
  return owner ? `${portOwnerText(owner, t)} ${prompt}` : prompt;
}

function placesOf(t: Services["t"]): Choice<"here" | "all">[] {
  return [
    { label: `$(device-desktop) ${t("Only on this machine")}`, detail: t("In tunnels.local.json, which is not shared."), value: "here" },
    { label: `$(repo) ${t("Everybody who has this folder")}`, detail: t("In tunnels.json, which is shared in git."), value: "all" },
  ];
}

/**
 * An approved entry that differs only in the port that was just typed needs no second question. The comparison is with
 * the entry as it was approved, not with the file: the file may have been changed while the question was open.
 */
async function approveChange(services: Services, { source, name, entry, approval }: TunnelItem, listen: string): Promise<void> {
  const { configPath } = source;
  if (approval.at === "approved" && typeof entry?.key === "string" && vscode.workspace.isTrusted) {
    const { service, target, key } = entry;
    await approveAsTyped(services, { configPath, name }, { name, service, target, key, listen });
  }
  await services.store.refreshApprovals(configPath);
}
