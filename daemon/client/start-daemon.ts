/**
 * Starts a daemon in the background and waits until it answers. The program must
 * not be in a folder that an update may remove while it runs: callers pass a
 * versioned copy, or the command line's own file.
 */
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { TunnelError } from "../../shared/errors.ts";
import { type MessageArgument, message } from "../../shared/message.ts";
import { daemonEnvironment } from "../lifecycle/child-environment.ts";
import { recordStart } from "../lifecycle/crash-guard.ts";
import { findDaemon } from "../lifecycle/door/discovery.ts";
import type { DaemonPaths, Place } from "../lifecycle/paths.ts";

/** Our choice: a start takes a tenth of a second; this leaves time for a busy machine. */
const START_TIMEOUT_MS = 20_000;
const POLL_MS = 10;

/** What is started, and for whom. */
export interface StartOptions {
  readonly paths: DaemonPaths;
  readonly place: Place;
  /** Runs the program: Node, or Electron as Node. */
  readonly execPath: string;
  /** Absolute path of tunneld.cjs. */
  readonly program: string;
  /** Further options of `tunneld daemon`. */
  readonly args: readonly string[];
  readonly wallMs: () => number;
}

/**
 * Starts a daemon and resolves to the socket that answers: its own, or that of another daemon that was faster.
 * @throws TunnelError DAEMON_UNREACHABLE when the daemon ends at once, or was started too often recently
 */
export async function startDaemon(options: StartOptions): Promise<string> {
  const { paths, place } = options;
  const verdict = recordStart({ file: paths.startsFile, uid: place.uid, wallMs: options.wallMs });
  if (verdict.kind === "refused") throw new TunnelError("DAEMON_UNREACHABLE", verdict.reason);
  // In the usual places runtime, state and config are separate; with --state-dir a daemon has all of them in that folder.
  const where = paths.givenStateDir === undefined ? [] : ["--state-dir", paths.givenStateDir];
  const child = spawn(options.execPath, [options.program, "daemon", "--background", ...where, ...options.args], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
    cwd: paths.stateDir,
    env: daemonEnvironment(process.env),
    windowsHide: true,
  });
  let said = "";
  let ended: MessageArgument | undefined;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-1_000);
  });
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = code === 0 ? undefined : said.trim() || message("it ended with {0}", String(signal ?? code));
  });
  try {
    const giveUpMs = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < giveUpMs) {
      const found = await findDaemon([paths.door, ...paths.otherDoors], place.uid);
      if (found) return found.socket;
      if (ended !== undefined) break;
      await delay(POLL_MS);
    }
    throw new TunnelError("DAEMON_UNREACHABLE", message("the daemon does not start: {0} (see {1})", ended ?? message("no answer"), paths.logFile));
  } finally {
    child.stderr.removeAllListeners();
    child.stderr.destroy();
    child.removeAllListeners();
    child.unref();
  }
}
