/**
 * The plain side of a connection as the proxy sees it: a socket, or standard
 * input and output under `spipe`.
 */
import { readSync } from "node:fs";
import type * as net from "node:net";
import type { Readable, Writable } from "node:stream";
import type { TunnelError } from "../../shared/errors.ts";

/** A two-way stream whose halves may end apart. The owner of the connection owns it. */
export interface PlainSide {
  readonly source: Readable;
  readonly sink: Writable;
  /** Closes both halves now. */
  destroy(): void;
  /** Closes so that the reader learns the stream was cut, where the transport can say so (TCP RST). */
  reset(): void;
  /** The error that ended `source`, after its "end"; undefined for a real end; see {@link endError}. Left out where it can't be known. */
  endError?(): NodeJS.ErrnoException | undefined;
  /** The data that `source` still has after a write to `sink` has failed; see {@link lastWords}. Left out where it can't be read. */
  lastWords?(): readonly Uint8Array[];
  /** Client role: the client has said these bytes, and they go to the far end. */
  passed?(bytes: Uint8Array): void;
  /** Client role: how the client can be told that there is no connection for it. Left out: it is closed. */
  readonly refusal?: PlainRefusal | undefined;
  /** Sets TCP options for a connection that will carry data; does nothing where they don't apply. */
  tune(keepAlive: boolean): void;
}

/** Tells a client that there is no connection for it; see plain-refusal.ts. */
export interface PlainRefusal {
  /** The client has said these bytes, and they go to the far end, before anything has come back. */
  passed(bytes: Uint8Array): void;
  /** Whether `take` will tell the client, as far as is known. */
  canTake(isUnheard: boolean): boolean;
  /** True: the client is told, and the side is somebody else's from now on. `isUnheard`: nothing that it has said has reached the service. */
  take(error: TunnelError, isUnheard: boolean): boolean;
}

/** Our choice: idle time before the first TCP keepalive probe; shorter than the idle limits of common NATs and firewalls. */
const KEEP_ALIVE_MS = 60_000;

/** A TCP or unix socket as an {@link PlainSide}. */
export function socketSide(socket: net.Socket): PlainSide {
  return {
    source: socket,
    sink: socket,
    destroy: () => void socket.destroy(),
    reset: () => resetSocket(socket),
    endError: () => endError(socket),
    lastWords: () => lastWords(socket),
    tune: (keepAlive) => tuneSocket(socket, keepAlive),
  };
}

/** Closes a socket now, with RST where an RST can still be sent; queued data is given up. */
export function resetSocket(socket: net.Socket): void {
  // A unix socket has no peer address and no RST. And once the FIN is on its way, Node can't reset any more: it would
  // report an error and leave the descriptor open for ever.
  const finIsOut = socket.writableEnded && socket.writableLength === 0;
  if (finIsOut || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Our choice: the same amount that may otherwise be queued for a side (dial.ts), in pieces as Node reads them. */
const LAST_WORDS_BYTES = 262_144;
const READ_BYTES = 65_536;

/**
 * The error behind the "end" of a socket; undefined: the other end has ended its stream. When a reset comes together
 * with the last data, libuv (stream.c, uv__stream_io) reports an end, where any other program gets ECONNRESET; the
 * system keeps the error until the next read. Call this at "end", before the socket is closed. Not known on Windows,
 * where libuv reports resets as they are.
 */
export function endError(socket: net.Socket): NodeJS.ErrnoException | undefined {
  const last = readNow(socket, 1);
  return last instanceof Error ? last : undefined;
}

/**
 * The data that a socket has received but not emitted, at most 256 KiB. Call this in the same turn of the event loop in
 * which a write has failed at once: in the next turn Node closes the socket and drops the last words of the other end
 * (usually the reason why it takes no more).
 */
export function lastWords(socket: net.Socket): readonly Uint8Array[] {
  const words: Uint8Array[] = [];
  for (let held = socket.read() as Buffer | null; held !== null; held = socket.read() as Buffer | null) words.push(held);
  for (let read = 0; read < LAST_WORDS_BYTES; read += READ_BYTES) {
    const next = readNow(socket, READ_BYTES);
    if (!(next instanceof Uint8Array) || next.length === 0) break;
    words.push(next);
  }
  return words;
}

/** Reads directly, not through Node: bytes, no bytes at an end, an error, or undefined where nothing can be read now or at all. */
function readNow(socket: net.Socket, bytes: number): Uint8Array | NodeJS.ErrnoException | undefined {
  // `_handle` is undocumented, as in child.send: there is no other way to the descriptor.
  const fd = (socket as unknown as { readonly _handle: { readonly fd?: number } | null })._handle?.fd ?? -1;
  if (fd < 0) return undefined;
  const into = new Uint8Array(bytes);
  try {
    return into.subarray(0, readSync(fd, into));
  } catch (error) {
    const failure = error as NodeJS.ErrnoException;
    return failure.code === "EAGAIN" ? undefined : failure;
  }
}

/** TCP_NODELAY and keepalive; harmless on unix sockets. */
export function tuneSocket(socket: net.Socket, keepAlive: boolean): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(keepAlive, KEEP_ALIVE_MS);
}
