/**
 * The extension's wiring: makes the parts, hands them to the features and frees
 * them at the end. It has no logic of its own. Each feature is described in its
 * file; docs/ARCHITECTURE.md says how the parts fit together.
 */
// Must be first: the modules loaded after it make schemas.
import "./schema-settings.ts";
import * as path from "node:path";
import * as vscode from "vscode";
import { daemonMayRun, localDaemon } from "../daemon/client/local-daemon.ts";
import type { TunnelRef } from "../shared/contract/tunnel-ref.ts";
import { VERSION } from "../shared/contract/version.ts";
import { plainText } from "../shared/plain-text.ts";
import { createApi, type TunnelsApi } from "./api.ts";
import { registerAdHocFiles } from "./commands/ad-hoc-files.ts";
import { registerApprove } from "./commands/approve.ts";
import { registerChooseKey } from "./commands/choose-key.ts";
import { registerChoosePort } from "./commands/choose-port.ts";
import { registerClose } from "./commands/close.ts";
import { registerCopy } from "./commands/copy.ts";
import { registerCopyAs } from "./commands/copy-as.ts";
import { registerCopyServerCommand } from "./commands/copy-server-command.ts";
import { registerCreateConfig } from "./commands/create-config.ts";
import { registerDaemonCommands } from "./commands/daemon.ts";
import { registerDiagnose } from "./commands/diagnose.ts";
import { registerEditConfig } from "./commands/edit-config.ts";
import { registerEditEntry } from "./commands/edit-entry.ts";
import { secretKeysOf } from "./commands/key-store.ts";
import { registerExportKey } from "./commands/keys-export.ts";
import { registerForgetKey } from "./commands/keys-forget.ts";
import { registerGenerateKey } from "./commands/keys-generate.ts";
import { registerImportKey } from "./commands/keys-import.ts";
import { registerShowKeys } from "./commands/keys-show.ts";
import { registerOpen } from "./commands/open.ts";
import { registerOpenAdHoc } from "./commands/open-ad-hoc.ts";
import { registerOpenAll } from "./commands/open-all.ts";
import { registerOpenClient } from "./commands/open-client.ts";
import { registerRestart } from "./commands/restart.ts";
import { registerRows } from "./commands/rows.ts";
import { registerShowTunnels } from "./commands/show-tunnels.ts";
import { Disposables } from "./emitter.ts";
import { PREFIX } from "./ids.ts";
import { registerDebugging } from "./integration/debugging.ts";
import { registerTasks } from "./integration/tasks.ts";
import { registerTerminalEnvironment } from "./integration/terminal-environment.ts";
import { registerVariables } from "./integration/variables.ts";
import type { Translate } from "./model/translate.ts";
import type { Services } from "./services.ts";
import { ConfigSources } from "./tunnels/config-sources.ts";
import { clientFactory } from "./tunnels/create-client.ts";
import { DaemonLink } from "./tunnels/daemon-link.ts";
import { LocalKeyNames } from "./tunnels/key-names.ts";
import { StartTime } from "./tunnels/start-time.ts";
import { TunnelActions } from "./tunnels/tunnel-actions.ts";
import { TunnelHistories } from "./tunnels/tunnel-histories.ts";
import { TunnelStore } from "./tunnels/tunnel-store.ts";
import { registerAutoOpen } from "./ui/auto-open.ts";
import { registerCodeLens } from "./ui/editor/code-lens.ts";
import { registerCompletions } from "./ui/editor/completions.ts";
import { registerDiagnostics } from "./ui/editor/diagnostics.ts";
import { registerHover } from "./ui/editor/hover.ts";
import { registerQuickFixes } from "./ui/editor/quick-fixes.ts";
import { createActionsUi } from "./ui/failures/actions-ui.ts";
import { registerFailureNotices } from "./ui/failures/failure-notices.ts";
import { registerKeyNames } from "./ui/view/key-names.ts";
import { registerLog } from "./ui/view/log.ts";
import { registerStatusBar } from "./ui/view/status-bar.ts";
import { registerTreeMarks } from "./ui/view/tree-marks.ts";
import { registerTreeView } from "./ui/view/tree-view.ts";

/** Everything that users see; automatic opening comes last, when all the rest can be seen. */
const FEATURES = [
  ...[registerLog, registerTreeView, registerStatusBar, registerDiagnostics, registerCodeLens, registerHover, registerCompletions, registerQuickFixes],
  ...[registerFailureNotices, registerTreeMarks, registerKeyNames],
  ...[registerOpen, registerOpenAdHoc, registerAdHocFiles, registerOpenAll, registerClose, registerRestart, registerApprove, registerDiagnose],
  ...[registerGenerateKey, registerImportKey, registerExportKey, registerForgetKey, registerShowKeys, registerChooseKey, registerChoosePort],
  ...[
    registerCopy,
    registerCopyAs,
    registerEditEntry,
    registerCopyServerCommand,
    registerOpenClient,
    registerCreateConfig,
    registerEditConfig,
    registerRows,
    registerShowTunnels,
  ],
  ...[registerDaemonCommands, registerTerminalEnvironment, registerDebugging, registerTasks, registerVariables, registerAutoOpen],
];

/** Where a window remembers which tunnels it had open. */
const WANTED_KEY = "wanted";

/** Called by VS Code; the result is for other extensions: docs/API.md. */
export function activate(context: vscode.ExtensionContext): TunnelsApi {
  const startMs = performance.now();
  const owned = new Disposables();
  context.subscriptions.push(owned);
  const t: Translate = (text, ...args) => vscode.l10n.t(text, ...args);
  const log = owned.add(vscode.window.createOutputChannel("Encrypted Tunnels", { log: true }));
  const settings = vscode.workspace.getConfiguration(PREFIX);
  const local = localDaemon({ stateDir: settings.get<string>("stateDir") });
  // Paths as VS Code writes a document's path: on Windows with a small drive letter.
  const inEditor = (file: string): string => vscode.Uri.file(file).fsPath;
  const adHocFile = inEditor(path.join(local.paths.stateDir, "ad-hoc", "tunnels.json"));
  const sources = owned.add(new ConfigSources({ personal: inEditor(local.paths.userTunnelsFile), adHoc: adHocFile }, t));
  const createClient = clientFactory({
    local,
    program: context.asAbsolutePath(path.join("dist", "tunneld.cjs")),
    nodePath: () => vscode.workspace.getConfiguration(PREFIX).get<string>("nodePath") ?? "",
    name: plainText(vscode.workspace.name ?? t("a window without a folder"), { maxLength: 200 }),
    wallMs: Date.now,
  });
  const startTime = new StartTime(() => performance.now());
  const secrets = secretKeysOf({ context, t, log });
  const link = owned.add(
    new DaemonLink({
      createClient: startTime.from(createClient),
      mayRun: () => Promise.resolve(daemonMayRun(local.paths)),
      onHello: (client) => secrets.supplyAll(client),
    }),
  );
  owned.add(startTime.report(link, (ms) => log.info(`first tunnel listens ${ms.toFixed(0)} ms after the daemon was asked for`)));
  const memory = {
    load: () => context.workspaceState.get<readonly TunnelRef[]>(WANTED_KEY, []),
    save: (refs: readonly TunnelRef[]) => void context.workspaceState.update(WANTED_KEY, refs),
  };
  const keys = owned.add(new LocalKeyNames(local.paths.keyDir, () => secrets.keys));
  const store = owned.add(new TunnelStore({ configs: sources, link, memory, keys, isTrusted: () => vscode.workspace.isTrusted }));
  owned.add(vscode.workspace.onDidGrantWorkspaceTrust(() => void store.refreshApprovals()));
  const histories = owned.add(new TunnelHistories(link, Date.now));
  const ui = createActionsUi({ t, log, store });
  const actions = new TunnelActions({ link, store, ui, t, wallMs: Date.now });
  const services: Services = { context, t, log, local, adHocFile, sources, link, store, keys, histories, actions, ui };
  for (const register of FEATURES) owned.add(register(services));
  const { api } = owned.add(createApi({ ...services, onListenerError: (error) => log.error(error instanceof Error ? error : String(error)) }));
  log.info(`version ${VERSION}, active after ${(performance.now() - startMs).toFixed(1)} ms`);
  return api;
}
