/**
 * Gives new terminals the variables of approved tunnels, separately for each workspace
 * folder. No variable outlives the window. A variable is set only when its value
 * changes: each change marks the open terminals as out of date. Opening a tunnel is no
 * change, because its variables are known before, unless any free port will do for it.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS, PREFIX } from "../ids.ts";
import { type EnvironmentConflict, terminalEnvironment } from "../model/programs/environment.ts";
import type { TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";

/** The setting's name after the prefix; debugging reads this setting too. */
const ENVIRONMENT_SETTING = "terminalEnvironment";

/** Our choice: a daemon that was killed or replaced is back much sooner. */
const PATIENCE_MS = 10_000;

/** Starts to keep the variables of terminals current. */
export function registerTerminalEnvironment(services: Services): Disposable {
  const owned = new Disposables();
  const environment = owned.add(new TerminalEnvironment(services));
  const update = (): void => environment.update();
  owned.add(services.store.onDidChange(update));
  owned.add(vscode.workspace.onDidChangeWorkspaceFolders(update));
  owned.add(vscode.workspace.onDidGrantWorkspaceTrust(update));
  owned.add(vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration(`${PREFIX}.${ENVIRONMENT_SETTING}`) && update()));
  update();
  return owned;
}

/** Whether the programs of this folder get variables. */
export function wantsEnvironment(folder: vscode.WorkspaceFolder | undefined): boolean {
  return vscode.workspace.isTrusted && vscode.workspace.getConfiguration(PREFIX, folder?.uri).get<boolean>(ENVIRONMENT_SETTING, true);
}

interface Scope {
  readonly collection: vscode.EnvironmentVariableCollection;
  readonly set: Map<string, string>;
}

class TerminalEnvironment {
  readonly #services: Services;
  /** By the folder's URI; "" for a window without one. */
  readonly #scopes = new Map<string, Scope>();
  readonly #warned = new Set<string>();
  /** Runs while the daemon is away. */
  #patience: NodeJS.Timeout | undefined;
  #isImpatient = false;

  constructor(services: Services) {
    this.#services = services;
  }

  update(): void {
    // The daemon comes back, mostly with the same ports: the terminals need not be disturbed meanwhile.
    const isAway = this.#services.link.state.at === "lost";
    this.#isImpatient &&= isAway;
    if (isAway && !this.#isImpatient) {
      this.#patience ??= setTimeout(() => {
        this.#isImpatient = true;
        this.update();
      }, PATIENCE_MS);
      return;
    }
    this.dispose();
    const folders = vscode.workspace.workspaceFolders ?? [];
    const current = folders.length > 0 ? folders : [undefined];
    for (const key of this.#scopes.keys()) if (!current.some((folder) => keyOf(folder) === key)) this.#drop(key);
    for (const folder of current) this.#updateFolder(folder);
  }

  dispose(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #updateFolder(folder: vscode.WorkspaceFolder | undefined): void {
    const wanted = wantsEnvironment(folder) ? terminalEnvironment(this.#services.store.items, folder?.uri.fsPath) : undefined;
    for (const conflict of wanted?.conflicts ?? []) this.#warn(conflict);
    const key = keyOf(folder);
    const variables = wanted?.variables ?? new Map<string, string>();
    if (variables.size === 0 && !this.#scopes.has(key)) return;
    const { collection, set } = this.#scopeOf(folder);
    const gone = [...set.keys()].filter((name) => !variables.has(name));
    const fresh = [...variables].filter(([name, value]) => set.get(name) !== value);
    if (gone.length === 0 && fresh.length === 0) return;
    const names = wanted?.from.map(({ name }) => plainText(name)).join(", ") ?? "";
    collection.description = this.#services.t("Variables of approved tunnels: {0}", names);
    for (const name of gone) {
      collection.delete(name);
      set.delete(name);
    }
    for (const [name, value] of fresh) {
      collection.replace(name, value);
      set.set(name, value);
    }
  }

  #scopeOf(folder: vscode.WorkspaceFolder | undefined): Scope {
    const key = keyOf(folder);
    const known = this.#scopes.get(key);
    if (known) return known;
    const all = this.#services.context.environmentVariableCollection;
    all.persistent = false;
    const collection = folder === undefined ? all : all.getScoped({ workspaceFolder: folder });
    collection.persistent = false;
    // Removes what an earlier session of this window may have left.
    collection.clear();
    const scope: Scope = { collection, set: new Map() };
    this.#scopes.set(key, scope);
    return scope;
  }

  #drop(key: string): void {
    this.#scopes.get(key)?.collection.clear();
    this.#scopes.delete(key);
  }

  /** Warns once about the same variables of the same tunnels. */
  #warn({ tunnels, variables }: EnvironmentConflict): void {
    const { t, log } = this.#services;
    const [one, other] = tunnels;
    if (!one || !other) return;
    const names = plainText(variables.join(", "));
    const text = t("The tunnels {0} and {1} both set {2}, so neither does. Rename the tunnel or the variable in one of them.", label(one), label(other), names);
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    log.warn(text);
    const edit = t("Edit tunnels.json");
    void vscode.window.showWarningMessage(text, edit).then((picked) => picked === edit && vscode.commands.executeCommand(COMMANDS.reveal, { item: other }));
  }
}

function keyOf(folder: vscode.WorkspaceFolder | undefined): string {
  return folder?.uri.toString() ?? "";
}

/** Two files may have a tunnel of the same name. */
function label({ name, source }: TunnelItem): string {
  return plainText(`${name} (${source.label})`);
}
