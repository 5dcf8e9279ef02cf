/**
 * Shows the daemon's log in the extension's output channel, together with the
 * window's own lines. Subscribes while there is a connection. Each subscription
 * begins with a short replay; an entry is shown only once.
 */
import * as vscode from "vscode";
import type { LogEntry } from "../../../shared/contract/methods.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { COMMANDS } from "../../ids.ts";
import { logLine, type NamedTunnel, replayLines, SeenEntries } from "../../model/view/log-lines.ts";
import type { Services } from "../../services.ts";
import type { HistoryEvent } from "../../tunnels/tunnel-histories.ts";

/** Our choice: how many earlier entries a new window sees. */
const REPLAY = 100;

/** Our choice: a daemon that this window has just found tells of states that are older. */
const FRESH_EVENT_MS = 10_000;

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Registers the command and follows the log. */
export function registerLog(services: Services): Disposable {
  const owned = new Disposables();
  const { link, log, histories } = services;
  const seen = new SeenEntries();
  const follow = (): void => void subscribe(services, seen);
  owned.add(vscode.commands.registerCommand(COMMANDS.showLog, () => log.show()));
  owned.add(link.on("log/entry", (entry) => seen.isNew(entry) && log[levelOf(entry)](logLine(entry, namedTunnels(services)))));
  owned.add(histories.onDidHappen((happened) => writeEvent(services, happened)));
  owned.add(link.onDidChangeState(({ at }) => void (at === "connected" && follow())));
  owned.add(log.onDidChangeLogLevel(follow));
  follow();
  return owned;
}

/** Never rejects; if the connection is lost meanwhile, the next connection subscribes again. */
async function subscribe(services: Services, seen: SeenEntries): Promise<void> {
  const { link, log, t } = services;
  if (link.state.at !== "connected") return;
  const isVerbose = log.logLevel === vscode.LogLevel.Trace || log.logLevel === vscode.LogLevel.Debug;
  try {
    const { replayed } = await link.request("log/subscribe", { replay: REPLAY, level: isVerbose ? "debug" : "info" });
    const fresh = replayed.filter((entry) => seen.isNew(entry));
    if (fresh.length === 0) return;
    // As one entry of the channel, which puts the time of writing before each: a second time would stand before their own.
    const level = LEVELS.findLast((one) => fresh.some((entry) => levelOf(entry) === one)) ?? "info";
    log[level](replayLines(fresh, namedTunnels(services), t("The daemon's log up to now:")));
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
  }
}

/** What has happened before this window was there is in the replayed lines of the daemon. */
function writeEvent(services: Services, { ref, event }: HistoryEvent): void {
  if (Date.now() - event.atMs > FRESH_EVENT_MS) return;
  const { kind, code, atMs } = event;
  const entry = { atMs, level: "info", message: kind, tunnel: ref.name, configPath: ref.configPath, ...(code !== undefined && { code }) } as const;
  services.log.info(logLine(entry, namedTunnels(services)));
}

/** Levels have the names of the channel's methods; a newer daemon may have other levels. */
function levelOf({ level }: LogEntry): (typeof LEVELS)[number] {
  return LEVELS.find((known) => known === level) ?? "info";
}

/** All tunnels that a line may be about: this window's, with the labels of their files, and those of other windows. */
function namedTunnels({ store, link }: Services): NamedTunnel[] {
  return [...store.items.map(({ name, source: { configPath, label } }) => ({ name, configPath, label })), ...link.statuses];
}
