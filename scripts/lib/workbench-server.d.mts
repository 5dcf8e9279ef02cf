/** Types of workbench-server.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

export interface WorkbenchServerOptions {
  /** As installExtension made it. */
  readonly extensionsDir: string;
  /** The daemon's; one of its own by default. A given one's daemon is the caller's to end. */
  readonly stateDir?: string;
  /** The user's settings.json: these win over ours. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** What extensions are told VS Code's display language is, like "zh-cn". */
  readonly locale?: string;
  /** Reaches the extension host. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface WorkbenchServer {
  readonly port: number;
  /** Everything of it: home, settings, logs. */
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
