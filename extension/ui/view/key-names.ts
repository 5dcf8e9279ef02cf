/**
 * Notices keys that come and go in the key folder, and tells the walkthrough that
 * there is one: its first step is done when a key is there, not when a command for
 * it starts.
 */
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../../emitter.ts";
import { PREFIX } from "../../ids.ts";
import type { Services } from "../../services.ts";

/** Starts watching. */
export function registerKeyNames({ keys, local, store }: Services): Disposable {
  const owned = new Disposables();
  const watcher = owned.add(vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(local.paths.keyDir), "*")));
  // The daemon judges the entries again, too, and their rows follow.
  for (const event of [watcher.onDidCreate, watcher.onDidDelete]) event(() => void store.refreshApprovals());
  const tell = (): void => void vscode.commands.executeCommand("setContext", `${PREFIX}.hasKeys`, keys.hasAny);
  owned.add(keys.onDidChange(tell));
  tell();
  return owned;
}
