/**
 * One daemon per user and state folder, on systems with unix sockets.
 *
 *     bind and listen at a private name ─► link() it to the well-known path
 *        EEXIST ─► connect there:  answered ─► somebody else is the daemon
 *                                  refused  ─► remove it if it is still the one tested, again
 *        linked ─► connect to the well-known path, compare instance ids ─► mine: be the daemon
 *
 * link() is the one atomic step: two starters can't both succeed. (Unlink-then-bind
 * leaves two daemons in half of all races: measured.) Removing a dead socket works
 * the same way: the right to remove it is a second link to it, under a name made
 * from its inode number, so that only one starter at a time has that right.
 * (Comparing the inode and then renaming moved a live socket away in about one of
 * twenty races: measured.) A process id proves nothing and is not used. This file
 * must not open any port: the caller does that once it has won.
 */
import { chmodSync, existsSync, linkSync, lstatSync, readdirSync } from "node:fs";
import type * as net from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TunnelError } from "../../../shared/errors.ts";
import { type FileIdentity, isSameFile, unlinkIfThere } from "../../../shared/files.ts";
import { message } from "../../../shared/message.ts";
import { explainFileError, isPrivateFolder } from "../private-folder.ts";
import { identifySocket, probeSocket, uniqueName } from "./socket-file.ts";

/** Our choice, ten seconds in all: a race is settled within milliseconds, even on a busy machine. */
const MAX_ATTEMPTS = 1_000;
const RETRY_MS = 10;
/** Our choice: how many pending connections the kernel holds; Node's own default. */
const BACKLOG = 511;
/** Our choice: removing takes microseconds, so a right to remove that is this old belongs to a starter that was killed meanwhile. */
const REMOVAL_MS = 2_000;
/** Our choice: other names that are this old were left by killed starters. */
const LEFTOVER_MS = 60_000;

/** Who wants to be the daemon, and where. */
export interface ClaimOptions {
  /** Answers the handshake that `verify` makes. It listens already only when it is to be bound again. */
  readonly server: net.Server;
  readonly socketPath: string;
  /** Other sockets where a daemon may be listening: DaemonPaths.otherDoors. */
  readonly alsoCheck: readonly string[];
  readonly instanceId: string;
  /** Connects to the path like any client and resolves to the instance id of the daemon that answers; rejects when none answers. */
  readonly verify: (socketPath: string) => Promise<string>;
}

/** The outcome. `other`: another daemon is at that path, and `server` no longer listens. */
export type Claim = { readonly kind: "ours"; readonly socket: OwnSocket } | { readonly kind: "other"; readonly socketPath: string };

/** The well-known socket, while it is ours. */
export interface OwnSocket {
  readonly path: string;
  readonly server: net.Server;
  readonly identity: FileIdentity;
}

/**
 * Becomes the daemon, or finds the one that is running.
 * @throws TunnelError DAEMON_UNREACHABLE when neither is possible: read-only or missing folder, full disk, not a socket
 */
export async function claimSocket(options: ClaimOptions): Promise<Claim> {
  const { server, socketPath } = options;
  for (const other of options.alsoCheck) {
    // In a folder that others can write to, anybody could pose as the daemon.
    if (isPrivateFolder(path.dirname(other), process.geteuid?.()) && (await probeSocket(other)) === "alive") return giveUp(server, other);
  }
  let privateName: string | undefined;
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const name: string = privateName ?? (await bindPrivately(server, socketPath));
      privateName = name;
      const step = await tryToLink(options, name);
      if (step === "other") return giveUp(server, socketPath);
      if (step === "unbound") privateName = undefined;
      if (step === "busy") await delay(RETRY_MS);
      if (step !== "linked") continue;
      const verdict = await verifyLink(options, name);
      if (verdict === "other") return giveUp(server, socketPath);
      if (verdict !== "lost") return { kind: "ours", socket: verdict };
    }
  } catch (error) {
    giveUp(server, socketPath);
    throw explainFileError(error, { doing: "listen at", path: socketPath });
  } finally {
    if (privateName !== undefined) unlinkIfThere(privateName);
  }
  giveUp(server, socketPath);
  throw new TunnelError("DAEMON_UNREACHABLE", message('the socket {0} keeps changing hands: stop all daemons with "tunneld stop" and try again', socketPath));
}

/** Stops listening. The well-known name is removed first, while the socket still answers and nobody can take it for a dead one. */
export function releaseSocket(socket: OwnSocket): void {
  if (isStillOurs(socket)) unlinkIfThere(socket.path);
  socket.server.close();
}

/** Stops listening in this process only: the successor holds the handle too and goes on under the same name. */
export function leaveToSuccessor(socket: OwnSocket): void {
  socket.server.close();
}

/**
 * The socket of a server that was handed over and is listening.
 * @throws TunnelError DAEMON_UNREACHABLE if its name is gone already
 */
export function adoptSocket(server: net.Server, socketPath: string): OwnSocket {
  const identity = identifySocket(socketPath);
  if (identity === undefined) throw new TunnelError("DAEMON_UNREACHABLE", message("the socket {0} is gone: start the daemon again", socketPath));
  return { path: socketPath, server, identity };
}

/** Whether the well-known path still leads to this same socket. */
export function isStillOurs(socket: OwnSocket): boolean {
  try {
    return isSameFile(identifySocket(socket.path), socket.identity);
  } catch {
    return false;
  }
}

function giveUp(server: net.Server, socketPath: string): Claim {
  if (server.listening) server.close();
  return { kind: "other", socketPath };
}

/** Listens at a fresh name in the same folder, 0600; resolves to the name. */
async function bindPrivately(server: net.Server, socketPath: string): Promise<string> {
  if (server.listening) server.close();
  const name = uniqueName(socketPath, ".new");
  await new Promise<void>((resolve, reject) => {
    // libuv reports EACCES instead of ENOENT here, as on Windows.
    const failed = (error: Error): void => reject(existsSync(path.dirname(socketPath)) ? error : Object.assign(error, { code: "ENOENT" }));
    server.once("error", failed);
    server.listen({ path: name, backlog: BACKLOG }, () => {
      server.removeListener("error", failed);
      resolve();
    });
  });
  chmodSync(name, 0o600);
  return name;
}

/** One try. unbound: our private name is gone; busy: another starter is removing the dead socket; retry: the dead socket is gone. */
async function tryToLink({ socketPath }: ClaimOptions, privateName: string): Promise<"linked" | "other" | "retry" | "busy" | "unbound"> {
  const failure = tryLink(privateName, socketPath);
  if (failure === undefined) return "linked";
  if (failure === "ENOENT") return "unbound";
  const tested = identifySocket(socketPath);
  if (tested === undefined) return "retry";
  const state = await probeSocket(socketPath);
  if (state === "alive") return "other";
  return state === "missing" || removeDead(socketPath, tested) ? "retry" : "busy";
}

/** undefined: linked. Any error but these two is thrown. */
function tryLink(from: string, to: string): "ENOENT" | "EEXIST" | undefined {
  try {
    linkSync(from, to);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "EEXIST") return code;
    throw error;
  }
}

/**
 * Removes the socket that was tested and found dead; false while another starter is removing it. Only one starter can link
 * `right`, and only the holder of `right` removes the tested socket from the path: so nothing but the tested socket is unlinked.
 */
function removeDead(socketPath: string, tested: FileIdentity): boolean {
  const right = `${socketPath}.${tested.inode.toString(36)}.old`;
  const failure = tryLink(socketPath, right);
  if (failure === "ENOENT") return true;
  if (failure === "EEXIST") {
    const taken = lstatSync(right, { throwIfNoEntry: false });
    if (taken !== undefined && Date.now() - taken.ctimeMs > REMOVAL_MS) unlinkIfThere(right);
    return false;
  }
  if (isSameFile(identifySocket(right), tested)) unlinkIfThere(socketPath);
  unlinkIfThere(right);
  return true;
}

/** Whether the path leads to us. lost: our link was removed again, so try once more. */
async function verifyLink(options: ClaimOptions, privateName: string): Promise<OwnSocket | "other" | "lost"> {
  const { server, socketPath, instanceId } = options;
  const mine = identifySocket(privateName);
  try {
    const answer = await options.verify(socketPath);
    if (answer !== instanceId) return "other";
  } catch (error) {
    if (!isSameFile(identifySocket(socketPath), mine)) return "lost";
    unlinkIfThere(socketPath);
    throw error;
  }
  unlinkIfThere(privateName);
  const identity = identifySocket(socketPath);
  if (identity === undefined || !isSameFile(identity, mine)) return "lost";
  try {
    removeLeftovers(socketPath);
  } catch {
    // Leftovers do no harm.
  }
  return { path: socketPath, server, identity };
}

/** Removes the names that killed starters left. No old name is needed: a starter whose private name is gone binds a new one. */
function removeLeftovers(socketPath: string): void {
  const folder = path.dirname(socketPath);
  const own = path.basename(socketPath);
  for (const entry of readdirSync(folder)) {
    if (!entry.startsWith(own) || !/^\.[0-9a-z]+\.(?:new|old)$/.test(entry.slice(own.length))) continue;
    const file = path.join(folder, entry);
    const stats = lstatSync(file, { throwIfNoEntry: false });
    if (stats?.isSocket() && Date.now() - stats.mtimeMs > LEFTOVER_MS) unlinkIfThere(file);
  }
}
