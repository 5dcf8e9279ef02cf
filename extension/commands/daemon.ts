/**
 * Restart Daemon and Stop Daemon. Both affect every window and the command line,
 * so both ask first if somebody would notice.
 */
import * as vscode from "vscode";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import type { Services } from "../services.ts";
import type { DaemonLink } from "../tunnels/daemon-link.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";

/** Our choice: a daemon that is told to end needs far less. */
const END_TIMEOUT_MS = 10_000;

/** Both commands. */
export function registerDaemonCommands(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(vscode.commands.registerCommand(COMMANDS.restartDaemon, () => shownFailures(services, () => restart(services))));
  owned.add(vscode.commands.registerCommand(COMMANDS.stopDaemon, () => shownFailures(services, () => stop(services))));
  return owned;
}

async function restart({ t, ui, link }: Services): Promise<void> {
  if (!(await ui.requireTrust())) return;
  const running = await link.attach();
  if (running && !(await mayCut(link, t))) return;
  const isDone = await ui.withProgress(t("Restarting the daemon"), async (signal) => {
    const replacing = replace(link, running);
    // A daemon that hangs does not answer: only the user can end the waiting then.
    const stopped = new Promise<boolean>((resolve) => signal.addEventListener("abort", () => resolve(false), { once: true }));
    const first = await Promise.race([replacing, stopped]);
    replacing.catch(() => {});
    return first;
  });
  if (!isDone) return;
  vscode.window.setStatusBarMessage(running ? t("The daemon has been restarted.") : t("The daemon has been started."), 5_000);
}

async function replace(link: DaemonLink, running: boolean): Promise<boolean> {
  if (running) await endDaemon(link, () => link.request("daemon/shutdown", {}));
  // The new connection states again what this window wants.
  link.disconnect();
  await link.request("tunnels/list", {});
  return true;
}

async function mayCut(link: DaemonLink, t: Services["t"]): Promise<boolean> {
  const connections = openConnections(link);
  if (connections === 0) return true;
  const yes = t("Restart Daemon");
  const detail = t("This ends the connections of programs in all windows. Open connections: {0}", connections);
  return (await vscode.window.showWarningMessage(t("Restart the daemon and cut open connections?"), { modal: true, detail }, yes)) === yes;
}

async function stop({ t, link, store }: Services): Promise<void> {
  if (!(await link.attach())) {
    void vscode.window.showInformationMessage(t("The daemon is not running."));
    return;
  }
  const connections = openConnections(link);
  const open = link.statuses.filter(({ state }) => isListening(state)).length;
  const yes = t("Stop Daemon");
  const lines = [
    t("This closes the tunnels of all windows. Open tunnels: {0}", open),
    ...(connections === 0 ? [] : [t("Open connections continue, and the daemon stops when the last one ends. Open connections: {0}", connections)]),
    t("The daemon starts again when you open a tunnel."),
  ];
  if ((await vscode.window.showWarningMessage(t("Stop the daemon?"), { modal: true, detail: lines.join("\n") }, yes)) !== yes) return;
  // Otherwise the next request would start the daemon again.
  await store.setWanted(store.wanted, false);
  await link.request("daemon/drain", {});
  vscode.window.setStatusBarMessage(connections === 0 ? t("The daemon has been stopped.") : t("The daemon stops when its last connection ends."), 5_000);
}

function openConnections(link: DaemonLink): number {
  return link.statuses.reduce((sum, { openConnections }) => sum + openConnections, 0);
}

/** Resolves when the daemon has ended, or when the time for that is up. */
async function endDaemon(link: DaemonLink, end: () => Promise<unknown>): Promise<void> {
  const owned = new Disposables();
  const gone = new Promise<void>((resolve) => {
    owned.add(link.onDidChangeState(({ at }) => at !== "connected" && resolve()));
    const timer = setTimeout(resolve, END_TIMEOUT_MS);
    owned.add({ dispose: () => clearTimeout(timer) });
  });
  const ended = end().then(
    () => gone,
    (error: unknown) => {
      // The daemon ended before it could answer.
      if (!(error instanceof TunnelError) || error.code !== "DAEMON_UNREACHABLE") throw error;
    },
  );
  try {
    // A daemon that hangs does not answer either: the same timeout ends both waits.
    await Promise.race([ended, gone]);
  } finally {
    ended.catch(() => {});
    owned.dispose();
  }
}
