/**
 * Tasks of the type "encrypted-tunnel": open a tunnel and wait until it is
 * verified, or close it. Meant for `preLaunchTask` and `dependsOn`, so the exit code
 * says whether the task succeeded. Prints plain lines; questions and failures are
 * shown as everywhere else.
 */
import * as vscode from "vscode";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { wordsIn } from "../model/failures/daemon-words.ts";
import { findTunnel, unknownTunnelText } from "../model/programs/find-tunnel.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { tunnelRow } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";

/** As in package.json. */
const TASK_TYPE = "encrypted-tunnel";

/** Offers the tasks. */
export function registerTasks(services: Services): Disposable {
  return vscode.tasks.registerTaskProvider(TASK_TYPE, {
    provideTasks: () => services.store.items.flatMap((item) => (item.entry ? [openTask(item, services)] : [])),
    resolveTask: (task) => taskFor(task.definition, { scope: task.scope, name: task.name, services }),
  });
}

/** Not translated: tasks.json and launch.json refer to a task by its name. */
function openTask(item: TunnelItem, services: Services): vscode.Task {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.fsPath === item.source.folder);
  return taskFor({ type: TASK_TYPE, tunnel: item.name }, { scope: folder, name: `open ${item.name}`, services });
}

interface TaskFrame {
  readonly scope: vscode.Task["scope"];
  readonly name: string;
  readonly services: Services;
}

function taskFor(definition: vscode.TaskDefinition, { scope = vscode.TaskScope.Workspace, name, services }: TaskFrame): vscode.Task {
  const folder = typeof scope === "object" ? scope.uri.fsPath : undefined;
  const execution = new vscode.CustomExecution((resolved) => Promise.resolve(new TaskTerminal(resolved, { folder, services })));
  const task = new vscode.Task(definition, scope, name, TASK_TYPE, execution, []);
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Silent, panel: vscode.TaskPanelKind.Shared };
  return task;
}

/** A run of a task. Owned by VS Code's terminal, which calls `close`. */
class TaskTerminal implements vscode.Pseudoterminal {
  readonly #definition: vscode.TaskDefinition;
  readonly #folder: string | undefined;
  readonly #services: Services;
  readonly #written = new vscode.EventEmitter<string>();
  readonly #closed = new vscode.EventEmitter<number>();
  readonly onDidWrite = this.#written.event;
  readonly onDidClose = this.#closed.event;

  constructor(definition: vscode.TaskDefinition, { folder, services }: { readonly folder: string | undefined; readonly services: Services }) {
    this.#definition = definition;
    this.#folder = folder;
    this.#services = services;
  }

  open(): void {
    this.#run().then(
      (succeeded) => this.#closed.fire(succeeded ? 0 : 1),
      (error: unknown) => {
        this.#services.log.error(error instanceof Error ? error : String(error));
        this.#closed.fire(1);
      },
    );
  }

  close(): void {
    this.#written.dispose();
    this.#closed.dispose();
  }

  async #run(): Promise<boolean> {
    const { store, t } = this.#services;
    const { tunnel: name, action = "open" } = this.#definition as vscode.TaskDefinition & { readonly tunnel?: unknown; readonly action?: unknown };
    if (typeof name !== "string" || (action !== "open" && action !== "close")) {
      this.#say(t('This task is not complete: it needs "tunnel", a name, and may have "action", which is "open" or "close".'));
      return false;
    }
    const found = findTunnel(store.items, name, this.#folder);
    if (found.at === "unknown") {
      this.#say(unknownTunnelText(found, t));
      return false;
    }
    return action === "open" ? await this.#openTunnel(found.item) : await this.#closeTunnel(found.item);
  }

  async #openTunnel(item: TunnelItem): Promise<boolean> {
    const { t, store, actions } = this.#services;
    this.#say(t("Opening the tunnel {0}", item.name));
    let last = "";
    const watching = store.onDidChange(() => {
      const state = this.#stateText(item);
      if (state !== last) this.#say(state);
      last = state;
    });
    const result = await actions.open(item).finally(() => watching.dispose());
    switch (result.at) {
      case "open":
        this.#say(t("The tunnel {0} is open at {1}.", item.name, result.status.listen));
        return true;
      case "failed":
        this.#say(`${wordsIn(result.error, t)} (${result.error.code})`);
        return false;
      case "cancelled":
        this.#say(t("Opening the tunnel {0} was cancelled.", item.name));
        return false;
    }
  }

  async #closeTunnel(item: TunnelItem): Promise<boolean> {
    const { t, actions } = this.#services;
    const closed = await actions.close(item);
    this.#say(closed ? t("The tunnel {0} is closed.", item.name) : t("The tunnel {0} is still open.", item.name));
    return closed;
  }

  #stateText(item: TunnelItem): string {
    const { t, store } = this.#services;
    return tunnelRow(store.find(refOf(item)) ?? item, { t, nowMs: Date.now() }).stateText;
  }

  #say(text: string): void {
    this.#written.fire(`${plainText(text)}\r\n`);
  }
}
