/**
 * Opens a listening socket, and says exactly why it can't be opened. An existing
 * unix socket is refused, except one that the caller knows to be its own and
 * that nobody answers at any more.
 */
import { chmodSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ResolvedAddress } from "./target.ts";

/** Our choice: pending connections the kernel holds; Node's own default. */
const BACKLOG = 511;

/** Where and how to listen. */
export interface BindOptions {
  /** Port 0: any free one. */
  readonly address: ResolvedAddress;
  /** Whether the unix socket at this path was made by us in an earlier life, so that it may be replaced. */
  readonly isOwnSocket?: ((path: string) => boolean) | undefined;
  /** Of a unix socket: only this user may connect (mode 0600), whatever the umask says. */
  readonly ownerOnly?: boolean;
}

/**
 * Makes `server` listen; resolves to where, with the real port.
 * @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID
 */
export async function bind(server: net.Server, options: BindOptions): Promise<ResolvedAddress> {
  const { address } = options;
  if (address.kind === "unix" && options.isOwnSocket?.(address.path)) {
    try {
      await removeDeadSocket(address.path);
    } catch (error) {
      throw explain(error as NodeJS.ErrnoException, address);
    }
  }
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(explain(error, address));
    server.once("error", onError);
    const listening = (): void => {
      server.removeListener("error", onError);
      resolve();
    };
    if (address.kind === "unix") listenAtPath(server, { path: address.path, ownerOnly: options.ownerOnly === true, listening });
    else server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, listening);
  });
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? { kind: "tcp", host: bound.address, port: bound.port } : address;
}

function listenAtPath(server: net.Server, options: { readonly path: string; readonly ownerOnly: boolean; readonly listening: () => void }): void {
  const { path: socket, ownerOnly, listening } = options;
  const before = ownerOnly ? process.umask(0o077) : undefined;
  try {
    // Binds before it returns: at no moment is there a socket that others may use.
    server.listen({ path: socket, backlog: BACKLOG }, listening);
    if (ownerOnly && process.platform !== "win32" && server.listening) chmodSync(socket, 0o600);
  } catch (error) {
    // It was ours alone before.
    if ((error as NodeJS.ErrnoException).syscall !== "chmod") throw error;
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

/** Unlinks the socket at `path` if it is one and refuses connections. */
async function removeDeadSocket(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const refused = await new Promise<boolean>((resolve) => {
    const probe = net.connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
  if (refused) unlinkSync(path);
}

function explain(error: NodeJS.ErrnoException, address: ResolvedAddress): TunnelError {
  const where = formatAddress(address);
  const options = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return address.kind === "unix"
        ? new TunnelError("LISTEN_IN_USE", `there is a file or socket at ${where} already: remove it if nothing uses it, or choose another path`, options)
        : new TunnelError("LISTEN_IN_USE", `${where} is in use by another program: stop that one or choose another port`, options);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      // For a unix socket libuv turns ENOENT into EACCES.
      if (address.kind === "unix" && !existsSync(path.dirname(address.path))) return noFolder(where, options);
      return new TunnelError("LISTEN_DENIED", `this user may not listen at ${where}: choose a port from 1024 up, or a folder you can write`, options);
    case "EADDRNOTAVAIL":
      return new TunnelError("CONFIG_INVALID", `${where} is not an address of this machine: use one that is, such as 127.0.0.1`, options);
    case "ENOENT":
    case "ENOTDIR":
      return noFolder(where, options);
    default:
      return new TunnelError("LISTEN_DENIED", `can't listen at ${where}: ${error.message}`, options);
  }
}

function noFolder(where: string, options: ErrorOptions): TunnelError {
  return new TunnelError("CONFIG_INVALID", `the folder of ${where} does not exist: create it first`, options);
}
