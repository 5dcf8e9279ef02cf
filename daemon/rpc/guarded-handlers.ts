/**
 * What holds for whole groups of requests: none but hello is answered before the
 * daemon has opened what is pinned; one that opens something is refused while it
 * drains; one that changes what the daemon remembers is answered when that is on
 * the disk, so that a crash right after the answer loses nothing, and never while
 * a successor may have read the state already.
 */
import type { MethodName } from "../../shared/contract/methods.ts";
import { REMEMBERED } from "../../shared/contract/remembered.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ChangeGate } from "./change-gate.ts";
import type { ClientHandle, Handlers } from "./session.ts";

/** What the guard needs. */
export interface GuardOptions {
  /** Resolves when pins have been opened. */
  readonly ready: Promise<void>;
  readonly isDraining: () => boolean;
  /** Resolves when the state is written, or could not be. */
  readonly flush: () => Promise<unknown>;
  readonly gate: ChangeGate;
}

const OPENING: ReadonlySet<MethodName> = new Set(["tunnels/set", "tunnel/open", "tunnel/restart", "pin/add"]);

/** The same handlers behind the guard. */
export function guardHandlers(handlers: Handlers, options: GuardOptions): Handlers {
  const guarded = Object.entries(handlers).map(([name, handle]) => [
    name,
    name === "hello" ? handle : guard(name as MethodName, handle as AnyHandler, options),
  ]);
  return Object.fromEntries(guarded) as Handlers;
}

type AnyHandler = (client: ClientHandle, params: unknown) => unknown;

function guard(name: MethodName, handle: AnyHandler, { ready, isDraining, flush, gate }: GuardOptions): AnyHandler {
  const perform: AnyHandler = (client, params) => {
    // Its leases have been given up already: no new one may be left behind.
    if (client.isGone) throw new TunnelError("DAEMON_UNREACHABLE", "the client has gone");
    if (OPENING.has(name) && isDraining()) {
      throw new TunnelError("DAEMON_UNREACHABLE", "the daemon is ending and opens nothing new: try again when its last connection has ended");
    }
    return handle(client, params);
  };
  return async (client, params) => {
    await ready;
    if (!REMEMBERED.has(name)) return await perform(client, params);
    return await gate.pass(async () => {
      const result = await perform(client, params);
      await flush();
      return result;
    });
  };
}
