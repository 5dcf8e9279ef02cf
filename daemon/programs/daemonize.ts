/**
 * Turns a command into a background process. Node can't fork, so the parent
 * starts the same command again, detached, and waits on an IPC channel until the
 * child is ready or has failed: so the parent's exit code means the same as
 * spiped's. Standard error is inherited, as in spiped, for warnings. Standard
 * output is not, so that `x=$(tunneld spiped …)` ends when the parent does.
 * Standard input is inherited only when the key is read from it.
 */
import { spawn } from "node:child_process";

/** Marks the child; the child removes it from its environment at once. */
const CHILD_VARIABLE = "TUNNELD_DETACHED";

/** The detached child's way to tell its parent that it is up. */
export interface DetachedChild {
  /** Lets the parent return 0. */
  ready(): void;
}

/** In the detached child: the link to the parent. In any other process: undefined. */
export function detachedChild(): DetachedChild | undefined {
  if (process.env[CHILD_VARIABLE] === undefined || !process.send) return undefined;
  delete process.env[CHILD_VARIABLE];
  let isReady = false;
  // The parent ended before we were ready: nobody knows of this process, so end it.
  process.once("disconnect", () => {
    if (!isReady) process.exit(1);
  });
  return {
    ready() {
      isReady = true;
      process.send?.("ready", undefined, undefined, () => process.disconnect());
    },
  };
}

/** In the parent: runs this command again in the background; resolves to the exit code to return. `readsInput`: the command reads standard input. */
export function runDetached(argv: readonly string[], { readsInput }: { readonly readsInput: boolean }): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, ...argv], {
      argv0: process.argv0,
      detached: true,
      stdio: [readsInput ? "inherit" : "ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, [CHILD_VARIABLE]: "1" },
    });
    child.once("message", () => {
      child.unref();
      resolve(0);
    });
    child.once("error", (error) => {
      process.stderr.write(`can't start the background process: ${error.message}\n`);
      resolve(1);
    });
    child.once("exit", (code) => resolve(code === 0 ? 1 : (code ?? 1)));
  });
}
