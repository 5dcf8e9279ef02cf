/**
 * Before a program is started for debugging: opens and verifies the tunnels that
 * `encryptedTunnels.openBeforeDebugging` names, and hands the program the
 * variables of open tunnels. Looks at nothing that is attached to.
 */
import * as fs from "node:fs/promises";
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { PREFIX } from "../ids.ts";
import { type LaunchTunnels, launchTunnels, namesInEnvFile, needsOpening, withVariables } from "../model/programs/debug-launch.ts";
import { folderEnvironment } from "../model/programs/environment.ts";
import { unknownTunnelText } from "../model/programs/find-tunnel.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import type { OpenResult } from "../tunnels/tunnel-actions.ts";
import { freshItems } from "./fresh-items.ts";
import { wantsEnvironment } from "./terminal-environment.ts";

const OPEN_SETTING = "openBeforeDebugging";

/** Our choice: a larger one is no file of variables. */
const MAX_ENV_FILE_BYTES = 1024 * 1024;

type Folder = vscode.WorkspaceFolder | undefined;

/** Starts it, for debuggers of every type. */
export function registerDebugging(services: Services): Disposable {
  return vscode.debug.registerDebugConfigurationProvider("*", new LaunchPreparation(services));
}

class LaunchPreparation implements vscode.DebugConfigurationProvider {
  readonly #services: Services;
  #last: Promise<unknown> = Promise.resolve();

  constructor(services: Services) {
    this.#services = services;
  }

  /** Undefined: the program is not started. */
  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: Folder,
    config: vscode.DebugConfiguration,
    token?: vscode.CancellationToken,
  ): Promise<vscode.DebugConfiguration | undefined> {
    if (config.request !== "launch" || !vscode.workspace.isTrusted) return config;
    // One after the other: the programs of a compound start together, and the first has opened what the second needs.
    const ready = this.#last.then(() => this.#ready(folder));
    this.#last = ready.catch(() => {});
    if (!(await ready) || token?.isCancellationRequested) return undefined;
    return await this.#withEnvironment(folder, config);
  }

  async #ready(folder: Folder): Promise<boolean> {
    const { store, actions } = this.#services;
    const names = namesFor(folder);
    if (names.length === 0) return true;
    const wanted = launchTunnels(store.items, names, folder?.uri.fsPath);
    if (wanted.at === "unknown") return await this.#anywayWithout(wanted);
    const items = wanted.items.filter((item) => needsOpening(item, Date.now()));
    const [only, ...others] = items;
    if (!only) return true;
    const results = others.length === 0 ? [await actions.open(only)] : await actions.openAll(items);
    if (results.length < items.length || results.some(({ at }) => at === "cancelled")) return false;
    const failed = items.flatMap((item, index) => failureOf(item, results[index]));
    return failed.length === 0 || (await this.#anyway(failed));
  }

  /** The failures themselves are shown already, with what mends them. */
  async #anyway(failed: readonly { readonly item: TunnelItem; readonly text: string }[]): Promise<boolean> {
    const { t } = this.#services;
    const message = t("A tunnel that the program needs does not work: {0}.", failed.map(({ item }) => plainText(item.name)).join(", "));
    const debugAnyway = t("Debug Anyway");
    const detail = failed.map(({ text }) => text).join("\n");
    return (await vscode.window.showWarningMessage(message, { modal: true, detail }, debugAnyway)) === debugAnyway;
  }

  async #anywayWithout(unknown: Extract<LaunchTunnels, { readonly at: "unknown" }>): Promise<boolean> {
    const { t } = this.#services;
    const detail = t("The setting {0} names it.", `${PREFIX}.${OPEN_SETTING}`);
    const [debugAnyway, openSettings] = [t("Debug Anyway"), t("Open Settings")];
    const picked = await vscode.window.showWarningMessage(unknownTunnelText(unknown, t), { modal: true, detail }, debugAnyway, openSettings);
    if (picked === openSettings) await vscode.commands.executeCommand("workbench.action.openSettings", `${PREFIX}.${OPEN_SETTING}`);
    return picked === debugAnyway;
  }

  async #withEnvironment(folder: Folder, config: vscode.DebugConfiguration): Promise<vscode.DebugConfiguration> {
    if (!wantsEnvironment(folder)) return config;
    const { variables } = folderEnvironment(await freshItems(this.#services), folder?.uri.fsPath);
    if (variables.size === 0) return config;
    const taken = new Set(await namesInFiles(config["envFile"]));
    return withVariables(config, variables, { taken, ignoreCase: process.platform === "win32" });
  }
}

function failureOf(item: TunnelItem, result: OpenResult | undefined): { readonly item: TunnelItem; readonly text: string }[] {
  return result?.at === "failed" ? [{ item, text: `${plainText(item.name)}: ${plainText(result.error.message)}` }] : [];
}

function namesFor(folder: Folder): readonly string[] {
  const value = vscode.workspace.getConfiguration(PREFIX, folder?.uri).get<unknown>(OPEN_SETTING);
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

/** What launch.json's envFile sets counts as said by launch.json; a file that can't be read says nothing. */
async function namesInFiles(envFile: unknown): Promise<string[]> {
  const files = (Array.isArray(envFile) ? envFile : [envFile]).filter((file) => typeof file === "string" && file !== "");
  const texts = await Promise.all(files.map((file: string) => textOf(file)));
  return texts.flatMap(namesInEnvFile);
}

async function textOf(file: string): Promise<string> {
  try {
    const stat = await fs.stat(file);
    // A device has no size and no end, a pipe may never have anything.
    return stat.isFile() && stat.size <= MAX_ENV_FILE_BYTES ? await fs.readFile(file, "utf8") : "";
  } catch {
    return "";
  }
}
