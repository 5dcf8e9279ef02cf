/**
 * How a command comes to its daemon: an existing one, or one it starts. Some
 * commands only ask (`stop`, `logs`) and never start one; some start one only if
 * there is something to re-open, a pin; some always do. Loads the client only when there
 * is somebody to talk to.
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
  /** pinned: only if a pin is to be re-opened. */
  readonly start: "always" | "pinned" | "never";
  /** Whether to come back when the daemon is lost. */
  readonly stay?: boolean;
  readonly onState?: (state: ClientState) => void;
}

/** The folders of `--state-dir`, as its text was given. */
export function pathsFor(stateDir: string | undefined): DaemonPaths {
  return daemonPaths({ stateDir, protocol: PROTOCOL_VERSION, place: thisPlace() });
}

/**
 * A connected client, which the caller closes; undefined when no daemon is running and none is to be started.
 * @throws TunnelError DAEMON_UNREACHABLE
 */
export async function connectDaemon(context: ProgramContext, options: ConnectionOptions): Promise<DaemonClient | undefined> {
  const { paths } = options;
  const place = thisPlace();
  const start = options.start === "always" || (options.start === "pinned" && hasPins(paths, place));
  // The client makes sure; a command that only asks makes no folder.
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
    // A command that only asks, or ends the daemon, leaves it as it is.
    upgrade: options.start === "always",
    wallMs: () => context.clock.wallMs(),
    challenge: proofParts,
    ...(options.onState && { onState: options.onState }),
  });
  try {
    await client.connect();
  } catch (error) {
    if (!mayRun || !(error instanceof TunnelError)) throw error;
    // It has left its socket behind, or was about to end just when we came.
    if (!start && (await findDaemon([paths.endpoint, ...paths.otherEndpoints], place.uid)) === undefined) return undefined;
    await client.connect();
  }
  return client;
}

/**
 * Does `work` with a client and closes it, whatever comes.
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
 * As {@link withDaemon}, for commands that open something: a daemon is started, and one that is about to end won't do.
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

/** The bundle that runs now, without links: a link may be changed while the daemon runs. */
function ownProgram({ selfArgv: [program = ""] }: ProgramContext): string {
  return realpathSync(program);
}

/** Read without the schema library: whoever needs more than "are there any" asks the daemon, which falls back on the same copy. */
function hasPins({ stateFile }: DaemonPaths, { uid }: Place): boolean {
  for (const file of [stateFile, `${stateFile}.bak`]) {
    try {
      const read = readPrivateFile(file, uid);
      if (read.kind !== "found") continue;
      const { pins } = JSON.parse(read.text) as { readonly pins?: unknown };
      return Array.isArray(pins) && pins.length > 0;
    } catch {
      // Not JSON: the daemon will say so.
    }
  }
  return false;
}
