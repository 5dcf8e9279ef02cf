/**
 * The daemon's log in the extension's output channel, beside the window's own
 * lines: subscribed to while there is a connection, and after a reconnection with a
 * short replay of which each entry is shown once.
 */
import * as vscode from "vscode";
import type { LogEntry } from "../../../shared/contract/methods.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { COMMANDS } from "../../ids.ts";
import { logLine, SeenEntries } from "../../model/view/log-lines.ts";
import type { Services } from "../../services.ts";

/** Our choice: what a window that has just come sees of before. */
const REPLAY = 100;

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Registers the command and follows the log. */
export function registerLog(services: Services): Disposable {
  const owned = new Disposables();
  const { link, log } = services;
  const seen = new SeenEntries();
  const follow = (): void => void subscribe(services, seen);
  owned.add(vscode.commands.registerCommand(COMMANDS.showLog, () => log.show()));
  owned.add(link.on("log/entry", (entry) => write(log, seen, { entry, isReplayed: false })));
  owned.add(link.onDidChangeState(({ at }) => void (at === "connected" && follow())));
  owned.add(log.onDidChangeLogLevel(follow));
  follow();
  return owned;
}

/** Never rejects; a connection that is lost meanwhile is followed by another. */
async function subscribe({ link, log }: Services, seen: SeenEntries): Promise<void> {
  if (link.state.at !== "connected") return;
  const isVerbose = log.logLevel === vscode.LogLevel.Trace || log.logLevel === vscode.LogLevel.Debug;
  try {
    const { replayed } = await link.request("log/subscribe", { replay: REPLAY, level: isVerbose ? "debug" : "info" });
    for (const entry of replayed) write(log, seen, { entry, isReplayed: true });
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
  }
}

function write(log: vscode.LogOutputChannel, seen: SeenEntries, { entry, isReplayed }: { readonly entry: LogEntry; readonly isReplayed: boolean }): void {
  if (!seen.isNew(entry)) return;
  // Levels have the names of the channel's methods; a newer daemon may have another.
  const level = LEVELS.find((known) => known === entry.level) ?? "info";
  log[level](logLine(entry, { isReplayed }));
}
