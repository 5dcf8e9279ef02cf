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
    reset: () => resetSocket(socket),
    tune: (keepAlive) => tuneSocket(socket, keepAlive),
  };
}

/** Closes a socket now, with RST where that can still be said; whatever is queued is given up. */
export function resetSocket(socket: net.Socket): void {
  // A unix socket has no address of its peer, and no RST to send. And once the FIN is on its way, Node can't reset any
  // more: it would say so and leave the descriptor open for ever.
  const finIsOut = socket.writableEnded && socket.writableLength === 0;
  if (finIsOut || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** TCP_NODELAY and keepalive; harmless on unix sockets. */
export function tuneSocket(socket: net.Socket, keepAlive: boolean): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive, KEEP_ALIVE_MS);
}
