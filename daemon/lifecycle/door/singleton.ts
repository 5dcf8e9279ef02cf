/**
 * One daemon a user and state folder, on systems with unix sockets.
 *
 *     bind and listen at a private name ─► link() it to the well-known path
 *        EEXIST ─► connect there:  answered ─► somebody else is the daemon
 *                                  refused  ─► remove it if it is still the one tested, again
 *        linked ─► connect to the well-known path, compare instance ids ─► mine: be the daemon
 *
 * link() is the one atomic step: two can't both succeed. (Unlink-then-bind leaves
 * two daemons in half of all races: measured.) The same goes for removing a dead
 * socket: the right to do so is a second link to it, under a name made from its
 * inode number, so that one starter at a time has it. (Comparing the inode and
 * then renaming moved a live socket away in one of some twenty races: measured.)
 * A process id proves nothing and is not looked at. Must not open any port: the
 * caller does so once it has won.
 */
import { chmodSync, existsSync, linkSync, lstatSync, readdirSync } from "node:fs";
import type * as net from "node:net";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TunnelError } from "../../../shared/errors.ts";
import { explainFileError, isPrivateFolder } from "../private-folder.ts";
import { type FileIdentity, identifySocket, isSameFile, probeSocket, uniqueName, unlinkIfThere } from "./socket-file.ts";

/** Our choice, ten seconds in all: a race is settled in some milliseconds, also on a machine that is busy. */
const MAX_ATTEMPTS = 1_000;
const RETRY_MS = 10;
/** Our choice: pending connections the kernel holds; Node's own default. */
const BACKLOG = 511;
/** Our choice: removing takes microseconds, so a right to remove this old is that of a starter that was killed at it. */
const REMOVAL_MS = 2_000;
/** Our choice: other names this old were left by starters that were killed. */
const LEFTOVER_MS = 60_000;

/** Who wants to be the daemon, and where. */
export interface ClaimOptions {
  /** Answers the handshake that `verify` makes. Listens already only when it is to be bound again. */
  readonly server: net.Server;
  readonly socketPath: string;
  /** Sockets at which a daemon may be as well: DaemonPaths.otherEndpoints. */
  readonly alsoCheck: readonly string[];
  readonly instanceId: string;
  /** Connects to the path like any client and resolves to the instance id of whoever answers; rejects when nobody does. */
  readonly verify: (socketPath: string) => Promise<string>;
}

/** How it came out. `other`: a daemon is there, at that path; `server` no longer listens. */
export type Claim = { readonly kind: "ours"; readonly socket: OwnSocket } | { readonly kind: "other"; readonly socketPath: string };

/** The well-known socket, while it is ours. */
export interface OwnSocket {
  readonly path: string;
  readonly server: net.Server;
  readonly identity: FileIdentity;
}

/**
 * Becomes the daemon, or finds out who is.
 * @throws TunnelError DAEMON_UNREACHABLE when neither is possible: read-only or missing folder, full disk, not a socket
 */
export async function claimSocket(options: ClaimOptions): Promise<Claim> {
  const { server, socketPath } = options;
  for (const other of options.alsoCheck) {
    // In a folder that others can write, anybody may play the daemon.
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
  throw new TunnelError("DAEMON_UNREACHABLE", `the socket ${socketPath} keeps changing hands: stop all daemons with "tunneld stop" and try again`);
}

/** Ends a daemon's listening: the well-known name goes first, while nobody can take it for a dead one. */
export function releaseSocket(socket: OwnSocket): void {
  if (isStillOurs(socket)) unlinkIfThere(socket.path);
  socket.server.close();
}

/** Stops listening here only: the successor that holds the handle too goes on under the same name. */
export function leaveToSuccessor(socket: OwnSocket): void {
  socket.server.close();
}

/**
 * The socket of a server that was handed over and listens.
 * @throws TunnelError DAEMON_UNREACHABLE if its name is gone already
 */
export function adoptSocket(server: net.Server, socketPath: string): OwnSocket {
  const identity = identifySocket(socketPath);
  if (identity === undefined) throw new TunnelError("DAEMON_UNREACHABLE", `the socket ${socketPath} is gone: start the daemon again`);
  return { path: socketPath, server, identity };
}

/** Whether the well-known path still is this very socket. */
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
    // libuv says EACCES for ENOENT here, as on Windows.
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

/** One try. unbound: our private name is gone; busy: another starter is removing the dead socket; retry: it is gone. */
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

/** undefined: done. Any error but these two is passed on. */
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
 * Removes the socket that was tested and found dead; false while another starter is at it. Whoever links `right` has it
 * alone, and as long as the tested socket stands at the path only the holder takes it away: what is unlinked is that one.
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

/** Whether the path leads to us. lost: our link was taken away again, try once more. */
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
    // They are in nobody's way.
  }
  return { path: socketPath, server, identity };
}

/** Removes the names that killed starters left. None is needed once it is old: who still wants a private one binds again. */
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
