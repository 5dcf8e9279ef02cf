/**
 * The tunnels.json files of this window: one in each workspace folder, the user's
 * own, and the one for ad-hoc tunnels. Reads them, watches them, and reports
 * changes. `shared/contract/` validates their content, as in the daemon.
 */
import * as path from "node:path";
import * as vscode from "vscode";
import { localConfigPath } from "../../shared/contract/config-file.ts";
import type { ParsedConfig } from "../../shared/contract/config-text.ts";
import { plainText } from "../../shared/plain-text.ts";
import { Disposables, Emitter } from "../emitter.ts";
import type { Translate } from "../model/translate.ts";
import type { TunnelSource } from "../model/tunnel-item.ts";
import { folderLabels } from "../model/view/folder-labels.ts";
import { readSource } from "./read-source.ts";

/** A file's place in a workspace folder. */
export const WORKSPACE_FILE = ".vscode/tunnels.json";

/** Our choice: editors write a file in several steps. */
const SETTLE_MS = 50;

/** A file and its content; undefined: there is no file. */
export interface SourceConfig {
  readonly source: TunnelSource;
  readonly config: ParsedConfig | undefined;
}

/** The files outside the workspace. */
export interface OwnFiles {
  readonly personal: string;
  readonly adHoc: string;
}

/** See the file's header. Owns its watchers: `dispose`. */
export class ConfigSources {
  readonly #own: OwnFiles;
  readonly #t: Translate;
  readonly #owned = new Disposables();
  #watchers = new Disposables();
  readonly #changed = this.#owned.add(new Emitter<void>());
  #configs: readonly SourceConfig[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(own: OwnFiles, t: Translate) {
    this.#own = own;
    this.#t = t;
    this.#watch();
    this.#owned.add(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.#watch();
        this.refresh();
      }),
    );
    this.refresh();
  }

  readonly onDidChange = this.#changed.event;

  /** All files in the order in which they are shown, including missing files. */
  get configs(): readonly SourceConfig[] {
    return this.#configs;
  }

  /** The source with this file. */
  find(configPath: string): SourceConfig | undefined {
    return this.#configs.find(({ source }) => source.configPath === configPath);
  }

  /** Reads everything again now. */
  refresh(): void {
    this.#configs = this.#sources().map((source) => ({ source, config: readSource(source, this.#t) }));
    this.#changed.fire();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#watchers.dispose();
    this.#owned.dispose();
  }

  #sources(): TunnelSource[] {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === "file");
    // A .code-workspace file can give a folder any name.
    const labels = folderLabels(folders.map(({ uri, name }) => ({ name: plainText(name, { maxLength: 120 }), path: plainText(uri.fsPath) })));
    return [
      ...folders.map(({ uri: { fsPath: folder } }, index): TunnelSource => {
        return { kind: "workspace", configPath: path.join(folder, WORKSPACE_FILE), label: labels[index] ?? folder, folder };
      }),
      { kind: "personal", configPath: this.#own.personal, label: this.#t("My tunnels"), folder: undefined },
      { kind: "ad-hoc", configPath: this.#own.adHoc, label: this.#t("Ad-hoc tunnels"), folder: undefined },
    ];
  }

  #watch(): void {
    this.#watchers.dispose();
    this.#watchers = new Disposables();
    for (const { configPath, folder } of this.#sources()) {
      const base = folder ?? path.dirname(configPath);
      const names = [configPath, localConfigPath(configPath)].map((file) => path.basename(file)).join(",");
      const pattern = new vscode.RelativePattern(vscode.Uri.file(base), folder === undefined ? `{${names}}` : `.vscode/{${names}}`);
      const watcher = this.#watchers.add(vscode.workspace.createFileSystemWatcher(pattern));
      for (const event of [watcher.onDidChange, watcher.onDidCreate, watcher.onDidDelete]) event(() => this.#soon());
    }
    // Saves are seen sooner than by any watcher, and also where a watcher sees nothing (network drives).
    this.#watchers.add(vscode.workspace.onDidSaveTextDocument(({ uri }) => this.#isOurs(uri.fsPath) && this.#soon()));
  }

  #isOurs(file: string): boolean {
    return this.#sources().some(({ configPath }) => file === configPath || file === localConfigPath(configPath));
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), SETTLE_MS);
  }
}
