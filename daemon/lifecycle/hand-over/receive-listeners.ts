/**
 * The new daemon's side of an upgrade: takes the listening sockets from the old
 * one. Order for the caller: receive, build what will serve, `listen` on each
 * listener, `ready()`, then bind each address that came without a handle.
 * Messages: messages.ts. The parent's side: hand-over.ts.
 */
import type { SendHandle } from "node:child_process";
import type * as net from "node:net";
import { TunnelError } from "../../../shared/errors.ts";
import { message } from "../../../shared/message.ts";
import { HAND_OVER_VERSION, type ListenerName, type OldMessage, SUCCESSOR_VARIABLE } from "./messages.ts";

/** A listener that was handed over. */
export interface ReceivedListener extends ListenerName {
  /** False: the handle could not be sent; bind `address` after `ready()` has resolved. */
  readonly hasHandle: boolean;
  /** Makes `server` accept on the handle; add the server's "connection" listener first. Call it once, and only with a handle. */
  listen(server: net.Server): Promise<void>;
  /** Closes the handle unused. */
  discard(): void;
}

/** All that was handed over. */
export interface HandedOver {
  readonly listeners: readonly ReceivedListener[];
  /** What the old daemon added; check it like any input. */
  readonly payload: unknown;
  /** Tells the old daemon that we accept; resolves when the old daemon no longer accepts (or is gone). */
  ready(): Promise<void>;
  /** Whether the old daemon is there, and takes connections back. */
  readonly isThere: boolean;
  /** Resolves when it is not. */
  readonly gone: Promise<void>;
  /** Gives the old daemon a connection that belongs to it, and lets go of the socket, which must be paused. */
  passBack(socket: net.Socket, about: unknown): void;
}

/** A handle as Node passes it. It is undocumented, except for the part used here. */
interface RawHandle {
  close(): void;
  readStop?(): void;
}

/** Whether this process was started as a successor; removes the variable from the environment. */
export function isSuccessor(env: NodeJS.ProcessEnv = process.env): boolean {
  const marked = env[SUCCESSOR_VARIABLE] !== undefined;
  delete env[SUCCESSOR_VARIABLE];
  return marked && process.send !== undefined;
}

/**
 * Takes over what the parent offers. Call it only if `isSuccessor()`, and before anything is awaited.
 * @throws TunnelError DAEMON_VERSION if the parent speaks another version, DAEMON_UNREACHABLE if it ends too early
 */
export function receiveListeners(): Promise<HandedOver> {
  return new Promise((resolve, reject) => {
    const handles = new Map<string, RawHandle | undefined>();
    let offer: Extract<OldMessage, { type: "offer" }> | undefined;
    const untilReleased = onceReleased();
    const gone = new Promise<void>((resolve) => process.once("disconnect", resolve));

    const onGone = (): void => reject(new TunnelError("DAEMON_UNREACHABLE", message("the old daemon ended while it handed over: start the daemon again")));
    const onMessage = (said: OldMessage, handle: unknown): void => {
      if (said.type === "offer") offer = said;
      if (said.type === "listener") handles.set(said.id, said.hasHandle ? (handle as RawHandle | undefined) : undefined);
      if (offer !== undefined && offer.version !== HAND_OVER_VERSION) {
        stop();
        reject(
          new TunnelError("DAEMON_VERSION", message('the old daemon hands over in version {0}: stop it with "tunneld stop" and start this one', offer.version)),
        );
      }
      if (offer === undefined || handles.size < offer.listeners.length) return;
      stop();
      resolve({
        listeners: offer.listeners.map((name) => received(name, handles.get(name.id))),
        payload: offer.payload,
        ready: () => ready(untilReleased),
        get isThere() {
          return process.connected;
        },
        gone,
        passBack,
      });
    };
    const stop = (): void => {
      process.removeListener("message", onMessage as NodeJS.MessageListener);
      process.removeListener("disconnect", onGone);
    };
    process.on("message", onMessage as NodeJS.MessageListener);
    process.once("disconnect", onGone);
  });
}

/** Resolves at "released", or when the old daemon is gone, which has the same effect. */
function onceReleased(): Promise<void> {
  return new Promise((resolve) => {
    const onMessage = (said: OldMessage): void => {
      if (said.type === "released") finish();
    };
    const finish = (): void => {
      process.removeListener("message", onMessage as NodeJS.MessageListener);
      process.removeListener("disconnect", finish);
      // The channel stays, for connections that are passed back; it keeps nobody alive.
      process.channel?.unref();
      resolve();
    };
    process.on("message", onMessage as NodeJS.MessageListener);
    process.once("disconnect", finish);
  });
}

async function ready(untilReleased: Promise<void>): Promise<void> {
  // If the parent is gone, this send fails, and that is fine.
  process.send?.({ type: "ready" }, undefined, undefined, () => {});
  await untilReleased;
}

/** See {@link HandedOver.passBack}. The raw handle: with a net.Socket, Node would count the socket among the server's until it ends over there. */
function passBack(socket: net.Socket, about: unknown): void {
  const handle = (socket as unknown as { readonly _handle: RawHandle | null })._handle;
  if (!handle || !process.send || !process.connected) {
    socket.destroy();
    return;
  }
  handle.readStop?.();
  // The other process has its own descriptor by then: closing ours ends nothing.
  process.send({ type: "passed", about }, handle as SendHandle, {}, () => socket.destroy());
}

function received(name: ListenerName, handle: RawHandle | undefined): ReceivedListener {
  return {
    ...name,
    hasHandle: handle !== undefined,
    listen: (server) =>
      new Promise((resolve, reject) => {
        if (handle === undefined) return reject(new RangeError(`${name.address} came without a handle`));
        server.once("error", reject);
        server.listen(handle, () => {
          server.removeListener("error", reject);
          resolve();
        });
      }),
    discard: () => handle?.close(),
  };
}
