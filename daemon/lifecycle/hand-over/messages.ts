/**
 * What an old and a new daemon say to each other on Node's IPC channel while
 * listeners are handed over. JSON, but for the handles beside some messages.
 *
 *     old ─► new   offer      list of listeners, and whatever the owner adds
 *     old ─► new   listener   one each, with its handle (or without, if it can't be sent)
 *     new ─► old   ready      it accepts on all handles it got
 *     old ─► new   released   the old one accepts no more; then it hangs up
 *
 * If either ends before "released", the other simply goes on alone.
 */

/** Version of these messages; an offer of another one is refused. */
export const HAND_OVER_VERSION = 1;

/** Tells a child that it is a successor; it takes it out of its environment at once. */
export const SUCCESSOR_VARIABLE = "TUNNELD_SUCCESSOR";

/** A listener by name. */
export interface ListenerName {
  /** The owner's own word for it. */
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

/** New to old. */
export type NewMessage = { readonly type: "ready" };
