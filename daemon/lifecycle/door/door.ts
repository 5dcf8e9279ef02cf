/**
 * The daemon's door: the one place where clients find it. It is a unix socket
 * that is claimed by link() and watched. On Windows it is a pipe with a random
 * name and an exclusive lock, and clients prove that they may read the discovery
 * file. The door passes each client's socket to its owner and knows no RPC.
 */
import * as net from "node:net";
import type { TunnelError } from "../../../shared/errors.ts";
import type { Dispose, Timers } from "../../../shared/time.ts";
import { type DaemonPaths, type Place, prepareFolders } from "../paths.ts";
import { proveAsServer } from "./challenged-socket.ts";
import { removeDiscovery, writeDiscovery } from "./discovery.ts";
import type { ChallengeParts } from "./pipe-challenge.ts";
import { adoptSocket, claimSocket, leaveToSuccessor, type OwnSocket, releaseSocket } from "./singleton.ts";
import { watchOwnSocket } from "./watch-own-socket.ts";
import { type ExclusiveLock, type LockFiles, randomPipeName, takeLock } from "./windows-pipe.ts";

/** Our choice: how often to look whether the socket is still there. */
const SOCKET_CHECK_MS = 5_000;
/** HMAC keys of the pipe's challenge. */
const SECRET_BYTES = 32;

/** What the door reports. */
export type DoorEvent =
  | { readonly kind: "rebound" }
  | { readonly kind: "failed"; readonly error: TunnelError }
  /** Another daemon has taken our place: drain and exit. */
  | { readonly kind: "replaced" }
  /** A client was refused, or the discovery file can't be written. */
  | { readonly kind: "warning"; readonly message: string };

/** How to open it. */
export interface DoorOptions {
  readonly paths: DaemonPaths;
  readonly place: Place;
  readonly instanceId: string;
  readonly version: string;
  readonly protocol: number;
  readonly startedAtMs: number;
  /** Takes each client, after its challenge where one is needed. */
  readonly onClient: (socket: net.Socket) => void;
  /** Says hello at a path like any client; resolves to the instance id of the daemon that answers. */
  readonly verify: (path: string) => Promise<string>;
  readonly onEvent: (event: DoorEvent) => void;
  readonly timers: Timers;
  /** For the pipe's challenge. */
  readonly challenge: Omit<ChallengeParts, "secret">;
  readonly lockFiles?: LockFiles;
}

/** An open door. The caller owns it: `close` it, or leave it to a successor. */
export interface Door {
  readonly path: string;
  /** The listening socket to hand to a successor; undefined where sockets can't be handed over. */
  readonly listener: { readonly server: net.Server; readonly release: () => void } | undefined;
  /** Closes it; nothing is left behind. */
  close(): Promise<void>;
  /** Stops watching; the socket and its files belong to the successor now. */
  leave(): Promise<void>;
}

/**
 * Opens the door. Undefined: another daemon is there already.
 * @throws TunnelError DAEMON_UNREACHABLE
 */
export async function openDoor(options: DoorOptions): Promise<Door | undefined> {
  return options.place.platform === "win32" ? await openPipe(options) : await openSocket(options);
}

/** Takes over a door whose listening socket was handed over. `listen` makes a server accept on that socket. */
export async function takeOverDoor(
  options: DoorOptions,
  handed: { readonly path: string; readonly listen: (server: net.Server) => Promise<void> },
): Promise<Door> {
  const server = createDoorServer(options);
  await handed.listen(server);
  return watched(options, adoptSocket(server, handed.path));
}

async function openSocket(options: DoorOptions): Promise<Door | undefined> {
  const { paths, instanceId, verify } = options;
  const server = createDoorServer(options);
  const claim = await claimSocket({ server, ...whereToClaim(paths), instanceId, verify });
  return claim.kind === "ours" ? watched(options, claim.socket) : undefined;
}

/** The server survives and reports a failed accept (usually: out of descriptors). */
function createDoorServer({ onClient, onEvent }: DoorOptions): net.Server {
  const server = net.createServer(onClient);
  server.on("error", (error) => onEvent({ kind: "warning", message: `the daemon's socket: ${error.message}` }));
  return server;
}

function whereToClaim(paths: DaemonPaths): { readonly socketPath: string; readonly alsoCheck: readonly string[] } {
  return { socketPath: paths.door.socketPath, alsoCheck: paths.otherDoors.map((door) => door.socketPath) };
}

function watched(options: DoorOptions, socket: OwnSocket): Door {
  const { paths, place, instanceId, verify, onEvent, timers } = options;
  announce(options, { socket: socket.path });
  const watch = watchOwnSocket({
    socket,
    claim: { instanceId, verify },
    locate: () => {
      prepareFolders(paths, place);
      return whereToClaim(paths);
    },
    intervalMs: SOCKET_CHECK_MS,
    timers,
    onEvent: (event) => {
      if (event.kind === "rebound") announce(options, { socket: event.socket.path });
      onEvent(event.kind === "failed" ? event : { kind: event.kind });
    },
  });
  return {
    path: socket.path,
    get listener() {
      return { server: watch.socket.server, release: () => leaveToSuccessor(watch.socket) };
    },
    leave: () => watch.dispose(),
    close: async () => {
      await watch.dispose();
      releaseSocket(watch.socket);
      removeDiscovery(paths.door.discoveryFile, { instanceId, uid: place.uid });
    },
  };
}

/** Windows. The lock, not the pipe, makes sure that we are the only daemon: a pipe's name proves nothing. */
async function openPipe(options: DoorOptions): Promise<Door | undefined> {
  const { paths, place, instanceId, challenge, onEvent, onClient } = options;
  const lock: ExclusiveLock | undefined = takeLock(paths.lockFile, options.lockFiles);
  if (!lock) return undefined;
  const secret = challenge.random(SECRET_BYTES);
  const name = randomPipeName(challenge.random);
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    proveAsServer(socket, { ...challenge, secret }).then(
      () => onClient(socket),
      (error: TunnelError) => onEvent({ kind: "warning", message: error.message }),
    );
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path: name }, () => resolve());
    });
    server.on("error", (error) => onEvent({ kind: "warning", message: `the daemon's pipe: ${error.message}` }));
  } catch (error) {
    lock.release();
    throw error;
  }
  announce(options, { socket: name, secret: Buffer.from(secret).toString("hex") });
  const close: Dispose = () => {
    server.close();
    removeDiscovery(paths.door.discoveryFile, { instanceId, uid: place.uid });
    lock.release();
  };
  return { path: name, listener: undefined, leave: async () => close(), close: async () => close() };
}

function announce(options: DoorOptions, where: { readonly socket: string; readonly secret?: string }): void {
  const { paths, instanceId, version, protocol, startedAtMs } = options;
  try {
    writeDiscovery(paths.door.discoveryFile, { ...where, pid: process.pid, instanceId, version, protocol, startedAtMs });
  } catch (error) {
    options.onEvent({ kind: "warning", message: `can't write the discovery file: ${(error as Error).message}` });
  }
}
