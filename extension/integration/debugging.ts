/**
 * Before a program is started for debugging: opens and verifies the tunnels that
 * `encryptedTunnels.openBeforeDebugging` names, offers to open closed tunnels whose
 * variables its launch configuration names, and gives the program the variables of
 * open tunnels. Leaves configurations that attach to a program alone.
 */
import * as fs from "node:fs/promises";
import * as vscode from "vscode";
import { namesBeforeDebugging, OPEN_SETTING, writeNamesBeforeDebugging } from "../commands/debug-setting.ts";
import type { Disposable } from "../emitter.ts";
import { PREFIX } from "../ids.ts";
import { type LaunchTunnels, launchTunnels, namesInEnvFile, needsOpening, withVariables } from "../model/programs/debug-launch.ts";
import { closedTunnels, envFilesOf, environmentTexts, neededTunnels } from "../model/programs/debug-offer.ts";
import { folderEnvironment } from "../model/programs/environment.ts";
import { unknownTunnelText } from "../model/programs/find-tunnel.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { LaunchOffer, LaunchOpening } from "./debug-tunnels.ts";
import { freshItems } from "./fresh-items.ts";
import { wantsEnvironment } from "./terminal-environment.ts";

/** Our choice: a larger file is not a file of variables. */
const MAX_ENV_FILE_BYTES = 1024 * 1024;

type Folder = vscode.WorkspaceFolder | undefined;

/** Registers the provider for debuggers of every type. */
export function registerDebugging(services: Services): Disposable {
  return vscode.debug.registerDebugConfigurationProvider("*", new LaunchPreparation(services));
}

class LaunchPreparation implements vscode.DebugConfigurationProvider {
  readonly #services: Services;
  readonly #opening: LaunchOpening;
  readonly #offer: LaunchOffer;
  #last: Promise<unknown> = Promise.resolve();

  constructor(services: Services) {
    this.#services = services;
    this.#opening = new LaunchOpening(services);
    this.#offer = new LaunchOffer(services);
  }

  /** Before `${env:NAME}` and the like are replaced: the names are what tells which tunnel the program needs. Undefined: the program is not started. */
  async resolveDebugConfiguration(folder: Folder, config: vscode.DebugConfiguration): Promise<vscode.DebugConfiguration | undefined> {
    if (config.request !== "launch" || !vscode.workspace.isTrusted || !wantsEnvironment(folder)) return config;
    return (await this.#inTurn(() => this.#offered(folder, config))) ? config : undefined;
  }

  /** Undefined: the program is not started. */
  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: Folder,
    config: vscode.DebugConfiguration,
    token?: vscode.CancellationToken,
  ): Promise<vscode.DebugConfiguration | undefined> {
    if (config.request !== "launch" || !vscode.workspace.isTrusted) return config;
    if (!(await this.#inTurn(() => this.#ready(folder))) || token?.isCancellationRequested) return undefined;
    return await this.#withEnvironment(folder, config);
  }

  /** One after the other: the programs of a compound start together, and the first may already open what the second needs. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  async #ready(folder: Folder): Promise<boolean> {
    const { store } = this.#services;
    const names = namesBeforeDebugging(folder?.uri);
    if (names.length === 0) return true;
    const wanted = launchTunnels(store.items, names, folder?.uri.fsPath);
    if (wanted.at === "unknown") return await this.#anywayWithout(wanted);
    return await this.#opening.open(wanted.items.filter((item) => needsOpening(item, Date.now())));
  }

  async #offered(folder: Folder, config: vscode.DebugConfiguration): Promise<boolean> {
    const { store } = this.#services;
    const named = launchTunnels(store.items, namesBeforeDebugging(folder?.uri), folder?.uri.fsPath);
    const others = named.at === "known" ? store.items.filter((item) => !named.items.includes(item)) : store.items;
    const closed = closedTunnels(others, folder?.uri.fsPath);
    // The usual case: no file is read for it.
    if (closed.length === 0) return true;
    const texts = [...environmentTexts(config), ...(await Promise.all(envFilesOf(config, folder?.uri.fsPath).map(textOf)))];
    const answer = await this.#offer.ask(neededTunnels(closed, texts));
    if (answer.at === "cancel") return false;
    if (answer.at === "always") await remember(folder, answer.items);
    return answer.at === "without" || (await this.#opening.open(answer.items));
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

/** "Always here": as if the user had written the names into the setting, where they can be taken out again. */
async function remember(folder: Folder, items: readonly TunnelItem[]): Promise<void> {
  const names = new Set([...namesBeforeDebugging(folder?.uri), ...items.map(({ name }) => name)]);
  await writeNamesBeforeDebugging(folder?.uri, [...names]);
}

/** Variables that launch.json's envFile sets count as set by launch.json; a file that can't be read sets none. */
async function namesInFiles(envFile: unknown): Promise<string[]> {
  const files = (Array.isArray(envFile) ? envFile : [envFile]).filter((file) => typeof file === "string" && file !== "");
  const texts = await Promise.all(files.map((file: string) => textOf(file)));
  return texts.flatMap(namesInEnvFile);
}

async function textOf(file: string): Promise<string> {
  try {
    const stat = await fs.stat(file);
    // Only regular files: a device has no size and no end, and a pipe may never deliver anything.
    return stat.isFile() && stat.size <= MAX_ENV_FILE_BYTES ? await fs.readFile(file, "utf8") : "";
  } catch {
    return "";
  }
}
