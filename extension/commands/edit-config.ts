/**
 * Edit tunnels.json, Edit My Tunnels: opens the file. If there is none yet, the
 * file is created.
 */
import * as fs from "node:fs";
import * as vscode from "vscode";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import type { Services } from "../services.ts";
import { showFile } from "../ui/editor/open-files.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { createFile, pickSource } from "./create-config.ts";

/** Both commands; neither takes an argument. */
export function registerEditConfig(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.editConfig, () => shownFailures(services, () => editWorkspace(services))));
  owned.add(vscode.commands.registerCommand(COMMANDS.editPersonal, () => shownFailures(services, () => editPersonal(services))));
  return owned;
}

async function editWorkspace(services: Services): Promise<void> {
  const { t } = services;
  const source = await pickSource(services, t("Edit tunnels.json"));
  if (!source) return;
  if (fs.lstatSync(source.configPath, { throwIfNoEntry: false })) {
    await showFile(source.configPath);
    return;
  }
  const create = t("Create tunnels.json");
  const choice = await vscode.window.showInformationMessage(t("{0} has no tunnels.json yet.", source.label), create);
  if (choice === create) await vscode.commands.executeCommand(COMMANDS.createConfig, source.folder);
}

async function editPersonal(services: Services): Promise<void> {
  const personal = services.sources.configs.find(({ source }) => source.kind === "personal");
  if (personal) await createFile(services, personal.source);
}
