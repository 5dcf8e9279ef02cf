/** Types of workbench-server.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

export interface WorkbenchServerOptions {
  /** The folder that installExtension made. */
  readonly extensionsDir: string;
  /** The daemon's state folder; by default a new one. If the caller gives a folder, the caller must end its daemon. */
  readonly stateDir?: string;
  /** The user's settings.json: these win over ours. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The display language that VS Code reports to extensions, like "zh-cn". */
  readonly locale?: string;
  /** Variables for the extension host. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface WorkbenchServer {
  readonly port: number;
  /** The server's own folder: home, settings, logs. */
  readonly folder: string;
  /** VS Code's user data: User/settings.json, logs/. */
  readonly userDir: string;
  readonly stateDir: string;
  log(): string;
  /** The address of a window on this folder. */
  urlOf(workspace: string): string;
  stop(): Promise<void>;
}

/** Unpacks a .vsix into a new folder of extensions, which any number of servers may use. */
export function installExtension(vsix: string): Promise<string>;

/** Starts a server; resolves when it listens. */
export function startWorkbenchServer(options: WorkbenchServerOptions): Promise<WorkbenchServer>;
