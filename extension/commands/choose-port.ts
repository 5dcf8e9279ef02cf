/**
 * Gives a tunnel another port: called from the notification that says that its own
 * is taken, or that the system does not let it listen there.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { PREFIX } from "../ids.ts";
import { candidatePorts, listenAt, listenValue } from "../model/asking/ad-hoc.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import { tunnelName } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { findFreePort } from "../ui/editor/free-port.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { askListen } from "./ask-listen.ts";
import { changeEntry } from "./change-entry.ts";
import { approveAsTyped } from "./new-entry.ts";
import { tunnelOf } from "./pick-tunnel.ts";

/** Not in the command palette: it is always about one entry. */
export const CHOOSE_PORT = `${PREFIX}.choosePort`;

/** The command takes a tunnel and resolves to where it listens now, as it was typed; undefined: nothing was chosen. */
export function registerChoosePort(services: Services): Disposable {
  return vscode.commands.registerCommand(CHOOSE_PORT, (argument?: unknown) => shownFailures(services, () => choosePort(services, argument)));
}

async function choosePort(services: Services, argument: unknown): Promise<string | undefined> {
  const { t, store } = services;
  const item = tunnelOf(services, argument);
  if (!item?.entry) return undefined;
  const { listen, role, service, target } = item.entry;
  const others = store.items.filter((other) => other !== item);
  const free = await findFreePort(candidatePorts(service, store.items));
  const answer = await askListen(services, {
    ...{ title: t("Choose Another Port for {0}", tunnelName(item)), step: 1, totalSteps: 1 },
    prompt:
      role === "server"
        ? t("The port on this machine that the clients' ends connect to.")
        : t("The port on this machine that your programs will connect to. 0 picks a free one."),
    suggested: listenAt(listen, free),
    target,
    others,
  });
  if (answer.at !== "next") return undefined;
  await changeEntry(services, item, { property: "listen", value: listenValue(answer.value) });
  await approveChange(services, item, answer.value);
  return answer.value;
}

/**
 * What was approved and now differs in nothing but the port that was just typed needs no second question. Compared with
 * the entry as it was approved, not with the file: that may have been changed while the question was open.
 */
async function approveChange(services: Services, { source, name, entry, approval }: TunnelItem, listen: string): Promise<void> {
  const { configPath } = source;
  if (approval.at === "approved" && typeof entry?.key === "string" && vscode.workspace.isTrusted) {
    const { service, target, key } = entry;
    await approveAsTyped(services, { configPath, name }, { name, service, target, key, listen });
  }
  await services.store.refreshApprovals(configPath);
}
