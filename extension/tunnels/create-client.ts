/**
 * Makes the client of the daemon as this window needs it. The client starts a copy
 * of the program outside the extension folder, because an update removes that
 * folder. VS Code's own Node runs the copy, or the Node that the user names.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { type LocalDaemon, proofParts } from "../../daemon/client/local-daemon.ts";
import { copyProgram } from "../../daemon/client/program-copy.ts";
import { VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { CreateClient } from "./daemon-link.ts";

/** What the client is made from. */
export interface ClientSettings {
  readonly local: LocalDaemon;
  /** Absolute path of the extension's own dist/tunneld.cjs. */
  readonly program: string;
  /** The setting `nodePath`; empty: this process's own Node. Read each time. */
  readonly nodePath: () => string;
  /** For people: the name of the window's workspace. */
  readonly name: string;
  readonly wallMs: () => number;
}

/** See the file's header. Rejects with TunnelError DAEMON_UNREACHABLE when there is no program to start, or no Node to run it. */
export function clientFactory({ local, program, nodePath, name, wallMs }: ClientSettings): CreateClient {
  const { paths, place } = local;
  return async ({ start, ...more }) => {
    // A client that starts nothing also needs the copy: it may find an older daemon and hand it our program.
    const copy = copyProgram({ from: program, version: VERSION, programDir: paths.programDir, uid: place.uid, running: paths, wallMs });
    const execPath = start ? usableNode(nodePath()) : process.execPath;
    // Loaded only when needed: a window without open tunnels never is a client.
    const { DaemonClient } = await import("../../daemon/client/daemon-client.ts");
    return new DaemonClient({ paths, place, execPath, program: copy, kind: "vscode", name, start, stay: true, wallMs, challenge: proofParts, ...more });
  };
}

/**
 * The program that runs the daemon; `nodePath` is the setting's value.
 * @throws TunnelError DAEMON_UNREACHABLE, which names the setting, when its value is not a program that can run
 */
export function usableNode(nodePath: string): string {
  if (nodePath === "") return process.execPath;
  if (path.isAbsolute(nodePath) && isProgram(nodePath)) return nodePath;
  throw new TunnelError(
    "DAEMON_UNREACHABLE",
    message("the setting encryptedTunnels.nodePath is not the absolute path of a program: {0}: correct or clear it", nodePath),
  );
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
