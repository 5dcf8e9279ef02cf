/**
 * The plain side of a connection as the proxy sees it: a socket, or standard
 * input and output under `spipe`.
 */
import type * as net from "node:net";
import type { Readable, Writable } from "node:stream";

/** A two-way stream whose halves may end apart. The owner of the connection owns it. */
export interface Endpoint {
  readonly source: Readable;
  readonly sink: Writable;
  /** Closes both halves now. */
  destroy(): void;
  /** Closes so that the reader learns the stream was cut, where the transport can say so (TCP RST). */
  reset(): void;
  /** TCP options for a connection that will carry data; nothing where they don't apply. */
  tune(keepAlive: boolean): void;
}

/** Our choice: idle time before the first TCP keepalive probe; shorter than the idle limits of common NATs and firewalls. */
const KEEP_ALIVE_MS = 60_000;

/** A TCP or unix socket as an {@link Endpoint}. */
export function socketEndpoint(socket: net.Socket): Endpoint {
  return {
    source: socket,
    sink: socket,
    destroy: () => void socket.destroy(),
    // A unix socket has no address of its peer, and no RST to send.
    reset: () => void (socket.remoteAddress === undefined ? socket.destroy() : socket.resetAndDestroy()),
    tune: (keepAlive) => tuneSocket(socket, keepAlive),
  };
}

/** TCP_NODELAY and keepalive; harmless on unix sockets. */
export function tuneSocket(socket: net.Socket, keepAlive: boolean): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive, KEEP_ALIVE_MS);
}
