/**
 * A real VS Code for a test: its own code-server with our extension, and a window in Chromium. All of it, including the
 * extension's daemon, is gone after dispose(). See window.ts for the window's methods.
 */
import type { BrowserContext } from "playwright-core";
import { packagePath } from "../../../scripts/lib/package.mjs";
import { installExtension, startWorkbenchServer, type WorkbenchServer } from "../../../scripts/lib/workbench-server.mjs";
import type { Stage } from "../stage.ts";
import { addWitness, removeWitness } from "./artefacts.ts";
import { newContext } from "./chromium.ts";
import { Window } from "./window.ts";

/** VS Code's themes by purpose. */
const THEMES = {
  light: "Default Light Modern",
  dark: "Default Dark Modern",
  "high-contrast": "Default High Contrast",
  "high-contrast-light": "Default High Contrast Light",
} as const;

/** off: everything is trusted. ask: VS Code asks with a modal dialog. restricted: it stays in restricted mode. */
const TRUST = {
  off: { "security.workspace.trust.enabled": false },
  ask: { "security.workspace.trust.enabled": true, "security.workspace.trust.startupPrompt": "always" },
  restricted: { "security.workspace.trust.enabled": true, "security.workspace.trust.startupPrompt": "never", "security.workspace.trust.banner": "never" },
} as const;

/** What the test needs. */
export interface WorkbenchOptions {
  /** Absolute path of the folder to open. */
  readonly workspace: string;
  /** The daemon's state folder; by default a new one. A given folder's owner ends its daemon. */
  readonly stateDir?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Display language that extensions see, as in "zh-cn"; VS Code's own texts stay English. */
  readonly locale?: string;
  readonly theme?: keyof typeof THEMES;
  readonly trust?: keyof typeof TRUST;
  /** Environment of the extension host. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder of installed extensions (`installExtension`) instead of the one with our own package. */
  readonly extensionsDir?: string;
  readonly width?: number;
  readonly height?: number;
}

let installed: Promise<string> | undefined;

/** See the file's header. */
export class Workbench extends Window {
  readonly #context: BrowserContext;
  readonly #others: Window[] = [];

  constructor(context: BrowserContext, options: ConstructorParameters<typeof Window>) {
    super(...options);
    this.#context = context;
  }

  /** Another window of the same VS Code: it has its own extension host, but shares the daemon. */
  async secondWindow(workspace = this.workspace): Promise<Window> {
    const window = new Window(await this.#context.newPage(), { server: this.server, workspace });
    this.#others.push(window);
    addWitness(window);
    await window.show();
    return window;
  }

  /** Ends everything; if the test has failed, takes its pictures first. */
  async dispose(): Promise<void> {
    for (const window of [this, ...this.#others]) await removeWitness(window);
    await this.#context.close();
    await this.server.stop();
  }
}

/** Starts a server and a window on `workspace`; ended with the stage. */
export async function startWorkbench(stage: Stage, options: WorkbenchOptions): Promise<Workbench> {
  const { stateDir, locale, env, theme = "dark", trust = "off" } = options;
  const server = await startWorkbenchServer({
    extensionsDir: options.extensionsDir ?? (await ourExtension()),
    settings: { "workbench.colorTheme": THEMES[theme], ...TRUST[trust], ...options.settings },
    ...(stateDir !== undefined && { stateDir }),
    ...(locale !== undefined && { locale }),
    ...(env !== undefined && { env }),
  });
  const workbench = await openWindow(server, options);
  stage.own(() => workbench.dispose());
  await workbench.show();
  return workbench;
}

async function openWindow(server: WorkbenchServer, { workspace, width, height }: WorkbenchOptions): Promise<Workbench> {
  try {
    const context = await newContext({ ...(width !== undefined && { width }), ...(height !== undefined && { height }) });
    const workbench = new Workbench(context, [await context.newPage(), { server, workspace }]);
    addWitness(workbench);
    return workbench;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The folder of extensions with our package, made once for the whole mocha process. */
function ourExtension(): Promise<string> {
  installed ??= installExtension(packagePath());
  return installed;
}
