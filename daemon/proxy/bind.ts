/**
 * Opens a listening socket, and says exactly why it can't be opened. An existing
 * unix socket is refused, unless the caller knows it as its own and nobody answers
 * at it any more. The error names the program that has a taken address, where the
 * system tells (`port-owner.ts`).
 */
import { chmodSync, existsSync } from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { ownerText, type PortOwner, portOwner } from "./port-owner.ts";
import { ownSocketFile, removeSocketIf } from "./socket-file.ts";
import type { ResolvedAddress } from "./target.ts";

/** Our choice: pending connections the kernel holds; Node's own default. */
const BACKLOG = 511;

/** Where and how to listen. */
export interface BindOptions {
  /** Port 0: any free one. */
  readonly address: ResolvedAddress;
  /** Whether an earlier process of ours made the unix socket at this path, so that it may be replaced. */
  readonly isOwnSocket?: ((path: string) => boolean) | undefined;
  /** For a unix socket: only this user may connect (mode 0600), whatever the umask says. */
  readonly ownerOnly?: boolean;
}

/**
 * Makes `server` listen; resolves to its address, with the real port. End it with `closeListener`.
 * @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID
 */
export async function bind(server: net.Server, options: BindOptions): Promise<ResolvedAddress> {
  const { address } = options;
  if (address.kind === "unix" && options.isOwnSocket?.(address.path)) {
    try {
      await removeSocketIf(address.path, () => refuses(address.path));
    } catch (error) {
      throw explain(error as NodeJS.ErrnoException, address);
    }
  }
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === "EADDRINUSE") void inUse(error, address).then(reject);
      else reject(explain(error, address));
    };
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
    // listen() binds before it returns, while the umask holds: others can use the socket at no moment.
    server.listen({ path: socket, backlog: BACKLOG }, listening);
    if (process.platform === "win32" || !server.listening) return;
    ownSocketFile(server, socket);
    if (ownerOnly) chmodSync(socket, 0o600);
  } catch (error) {
    // A failed chmod does no harm: the umask already kept the socket to this user.
    if ((error as NodeJS.ErrnoException).syscall !== "chmod") throw error;
  } finally {
    if (before !== undefined) process.umask(before);
  }
}

/** Whether nobody listens at the socket any more. */
function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
}

async function inUse(cause: Error, address: ResolvedAddress): Promise<TunnelError> {
  const where = formatAddress(address);
  const owner = await portOwner(address);
  const text = address.kind === "unix" ? takenPath(where, owner) : takenPort(where, owner);
  return new TunnelError("LISTEN_IN_USE", text, { cause });
}

function takenPath(where: string, owner: PortOwner | undefined): Message {
  if (owner !== undefined) return message("{0} is in use by another program, {1}: stop that one or choose another path", where, ownerText(owner));
  return message("there is a file or socket at {0} already: remove it if nothing uses it, or choose another path", where);
}

function takenPort(where: string, owner: PortOwner | undefined): Message {
  if (owner === undefined) return message("{0} is in use by another program: stop that one or choose another port", where);
  const who = ownerText(owner);
  return owner.isDraining
    ? message("{0} is in use by another program, {1}: it ends with its last connection, or at once at a second SIGTERM", where, who)
    : message("{0} is in use by another program, {1}: stop that one or choose another port", where, who);
}

function explain(error: NodeJS.ErrnoException, address: ResolvedAddress): TunnelError {
  const where = formatAddress(address);
  const options = { cause: error };
  switch (error.code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      // For a unix socket libuv turns ENOENT into EACCES.
      if (address.kind === "unix" && !existsSync(path.dirname(address.path))) return noFolder(where, options);
      return new TunnelError(
        "LISTEN_DENIED",
        message("this user may not listen at {0}: choose a port from 1024 up, or a folder you can write", where),
        options,
      );
    case "EADDRNOTAVAIL":
      return new TunnelError("CONFIG_INVALID", message("{0} is not an address of this machine: use one that is, such as 127.0.0.1", where), options);
    case "ENOENT":
    case "ENOTDIR":
      return noFolder(where, options);
    default:
      return new TunnelError("LISTEN_DENIED", message("can't listen at {0}: {1}", where, error.message), options);
  }
}

function noFolder(where: string, options: ErrorOptions): TunnelError {
  return new TunnelError("CONFIG_INVALID", message("the folder of {0} does not exist: create it first", where), options);
}
