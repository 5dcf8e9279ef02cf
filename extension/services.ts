/**
 * What every feature of the extension is given: one object, made once by
 * extension.ts. A feature is a function `registerX(services): Disposable` in a file
 * of its own; features don't know one another and communicate only through
 * commands and the store.
 */
import type * as vscode from "vscode";
import type { LocalDaemon } from "../daemon/client/local-daemon.ts";
import type { Translate } from "./model/translate.ts";
import type { ConfigSources } from "./tunnels/config-sources.ts";
import type { DaemonLink } from "./tunnels/daemon-link.ts";
import type { LocalKeyNames } from "./tunnels/key-names.ts";
import type { ActionsUi, TunnelActions } from "./tunnels/tunnel-actions.ts";
import type { TunnelHistories } from "./tunnels/tunnel-histories.ts";
import type { TunnelStore } from "./tunnels/tunnel-store.ts";

/** See the file's header. */
export interface Services {
  readonly context: vscode.ExtensionContext;
  /** vscode.l10n.t. */
  readonly t: Translate;
  readonly log: vscode.LogOutputChannel;
  /** Paths of this user's daemon: key folder, log file, personal tunnels. */
  readonly local: LocalDaemon;
  /** The file of tunnels that were opened by hand and not saved. */
  readonly adHocFile: string;
  readonly sources: ConfigSources;
  readonly link: DaemonLink;
  readonly store: TunnelStore;
  /** Which keys this machine has, daemon or not. */
  readonly keys: LocalKeyNames;
  /** What has happened to each tunnel since this window is there. */
  readonly histories: TunnelHistories;
  readonly actions: TunnelActions;
  readonly ui: ActionsUi;
}
