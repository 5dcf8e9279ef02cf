/**
 * Which environment variables a process that we start inherits from us. The
 * user's own command gets the user's environment without the variables that make
 * Electron run as Node: those are meant for us, and would turn a Code.exe into
 * something else. A daemon holds keys, so it gets no variable that loads code,
 * opens an inspector or asks an editor.
 */

/** Set for this process by its parent: VS Code, or Node when it forks a child. */
const OURS = /^(?:ELECTRON_RUN_AS_NODE|NODE_CHANNEL_FD|NODE_CHANNEL_SERIALIZATION_MODE)$/i;

const UNFIT_FOR_A_DAEMON = /^(?:VSCODE_|ELECTRON_)|^(?:NODE_OPTIONS|NODE_INSPECT_RESUME_ON_START|NODE_REPL_EXTERNAL_MODULE)$/i;

/** The environment for a child of `exec`: the user's, without what was set for us. */
export function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return without(env, OURS);
}

/** The environment for a daemon started with `process.execPath`: without VSCODE_*, ELECTRON_* and NODE_OPTIONS; in Electron (or with `isElectron`) it must run as plain Node. */
export function daemonEnvironment(env: NodeJS.ProcessEnv, isElectron: boolean = process.versions["electron"] !== undefined): NodeJS.ProcessEnv {
  const plain = without(childEnvironment(env), UNFIT_FOR_A_DAEMON);
  return isElectron ? { ...plain, ELECTRON_RUN_AS_NODE: "1" } : plain;
}

function without(env: NodeJS.ProcessEnv, names: RegExp): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.test(name)));
}
