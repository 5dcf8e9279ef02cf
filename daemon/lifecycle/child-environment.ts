/**
 * What a process that we start may inherit of our environment. VS Code's and
 * Electron's own variables would turn a child into something else (a Code.exe
 * into node, a git into one that asks the editor), and NODE_OPTIONS can load
 * code or open an inspector.
 */

const STRIPPED =
  /^(?:VSCODE_|ELECTRON_)|^(?:NODE_OPTIONS|NODE_CHANNEL_FD|NODE_CHANNEL_SERIALIZATION_MODE|NODE_INSPECT_RESUME_ON_START|NODE_REPL_EXTERNAL_MODULE)$/i;

/** The environment for a child of `exec`, a terminal or a service: without VSCODE_*, ELECTRON_*, NODE_OPTIONS and Node's own plumbing. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !STRIPPED.test(name)));
}

/** The environment for a daemon started with `process.execPath`: the same, but in Electron (or with `isElectron`) it must run as plain Node. */
export function daemonEnvironment(env: NodeJS.ProcessEnv, isElectron: boolean = process.versions["electron"] !== undefined): NodeJS.ProcessEnv {
  const plain = childEnvironment(env);
  return isElectron ? { ...plain, ELECTRON_RUN_AS_NODE: "1" } : plain;
}
