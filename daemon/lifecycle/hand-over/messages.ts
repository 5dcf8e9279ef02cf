/**
 * What an old and a new daemon say to each other on Node's IPC channel while
 * listeners are handed over. JSON, except for the handles sent with some messages.
 *
 *     old ─► new   offer      list of listeners, and the owner's payload
 *     old ─► new   listener   one each, with its handle (or without, if it can't be sent)
 *     new ─► old   ready      the new daemon accepts on all handles it got
 *     old ─► new   released   the old daemon has stopped accepting
 *     new ─► old   passed     a connection that belongs to the old daemon, with its handle; until either ends
 *
 * An older daemon hangs up after "released", and takes no connection back. If either daemon ends before "released", the other simply goes on alone.
 */

/** Version of these messages; an offer with another version is refused. */
export const HAND_OVER_VERSION = 1;

/** Tells a child that it is a successor; the child removes the variable from its environment at once. */
export const SUCCESSOR_VARIABLE = "TUNNELD_SUCCESSOR";

/** A listener by name. */
export interface ListenerName {
  /** The owner's name for it. */
  readonly id: string;
  /** host:port or a socket's path. */
  readonly address: string;
  readonly kind: "tcp" | "unix";
}

/** Old to new. */
export type OldMessage =
  | { readonly type: "offer"; readonly version: number; readonly listeners: readonly ListenerName[]; readonly payload?: unknown }
  | { readonly type: "listener"; readonly id: string; readonly hasHandle: boolean }
  | { readonly type: "released" };

/** New to old. `about`: what the owner needs to go on with the connection. */
export type NewMessage = { readonly type: "ready" } | { readonly type: "passed"; readonly about: unknown };
