/**
 * How a command gets its daemon: a running one, or one that it starts. Some
 * commands (`stop`, `logs`) never start a daemon, some start one only if there is
 * a pin to re-open, and some always do. The client is loaded only when there is a
 * daemon to talk to.
 */
import { realpathSync } from "node:fs";
import { PROTOCOL_VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ClientState, DaemonClient, DaemonClientOptions } from "../client/daemon-client.ts";
import { daemonMayRun, proofParts } from "../client/local-daemon.ts";
import { findDaemon } from "../lifecycle/door/discovery.ts";
import { type DaemonPaths, daemonPaths, type Place, thisPlace } from "../lifecycle/paths.ts";
import { readPrivateFile } from "../lifecycle/private-file.ts";
import type { ProgramContext } from "../programs/context.ts";

/** What kind of client a command is. */
export interface ConnectionOptions {
  readonly paths: DaemonPaths;
  /** For people: the command. */
  readonly name: string;
  readonly kind?: DaemonClientOptions["kind"];
  /** pinned: only if there is a pin to re-open. */
  readonly start: "always" | "pinned" | "never";
  /** Whether to reconnect when the daemon is lost. */
  readonly stay?: boolean;
  readonly onState?: (state: ClientState) => void;
}

/** The paths for the given text of `--state-dir`. */
export function pathsFor(stateDir: string | undefined): DaemonPaths {
  return daemonPaths({ stateDir, protocol: PROTOCOL_VERSION, place: thisPlace() });
}

/**
 * A connected client, which the caller closes; undefined when no daemon runs and the command should not start one.
 * @throws TunnelError DAEMON_UNREACHABLE
 */
export async function connectDaemon(context: ProgramContext, options: ConnectionOptions): Promise<DaemonClient | undefined> {
  const { paths } = options;
  const place = thisPlace();
  const start = options.start === "always" || (options.start === "pinned" && hasPins(paths, place));
  // The client checks this properly, but it makes folders, and a command that only asks should not.
  const mayRun = daemonMayRun(paths);
  if (!mayRun && !start) return undefined;
  const { DaemonClient } = await import("../client/daemon-client.ts");
  const client = new DaemonClient({
    paths,
    place,
    execPath: process.execPath,
    program: ownProgram(context),
    kind: options.kind ?? "cli",
    name: options.name,
    start,
    stay: options.stay ?? false,
    // A command that only asks or ends the daemon does not upgrade it.
    upgrade: options.start === "always",
    wallMs: () => context.clock.wallMs(),
    challenge: proofParts,
    ...(options.onState && { onState: options.onState }),
  });
  try {
    await client.connect();
  } catch (error) {
    if (!mayRun || !(error instanceof TunnelError)) throw error;
    // A daemon left its socket behind, or was about to end when we connected.
    if (!start && (await findDaemon([paths.door, ...paths.otherDoors], place.uid)) === undefined) return undefined;
    await client.connect();
  }
  return client;
}

/**
 * Does `work` with a client and always closes the client.
 * @throws TunnelError DAEMON_UNREACHABLE, and what `work` throws
 */
export async function withDaemon<T>(context: ProgramContext, options: ConnectionOptions, work: (client: DaemonClient | undefined) => Promise<T>): Promise<T> {
  const client = await connectDaemon(context, options);
  try {
    return await work(client);
  } finally {
    client?.close();
  }
}

/**
 * Like {@link withDaemon}, for commands that open something: it starts a daemon if needed, and refuses one that is about to end.
 * @throws TunnelError DAEMON_UNREACHABLE, and what `work` throws
 */
export function withOpeningDaemon<T>(
  context: ProgramContext,
  options: Omit<ConnectionOptions, "start">,
  work: (client: DaemonClient) => Promise<T>,
): Promise<T> {
  return withDaemon(context, { ...options, start: "always" }, (client) => {
    if (!client?.daemon || client.daemon.draining) {
      const pid = client?.daemon?.pid;
      throw new TunnelError("DAEMON_UNREACHABLE", `the daemon (process ${pid}) is ending and waits for its last connections: "tunneld stop --now" cuts them`);
    }
    return work(client);
  });
}

/** The bundle that runs now, with links resolved: a link may change while the daemon runs. */
function ownProgram({ selfArgv: [program = ""] }: ProgramContext): string {
  return realpathSync(program);
}

/** Reads the file without the schema library, as it only checks whether there are pins. The daemon falls back on the same backup copy. */
function hasPins({ stateFile }: DaemonPaths, { uid }: Place): boolean {
  for (const file of [stateFile, `${stateFile}.bak`]) {
    try {
      const read = readPrivateFile(file, uid);
      if (read.kind !== "found") continue;
      const { pins } = JSON.parse(read.text) as { readonly pins?: unknown };
      return Array.isArray(pins) && pins.length > 0;
    } catch {
      // Not JSON: the daemon will report it.
    }
  }
  return false;
}
