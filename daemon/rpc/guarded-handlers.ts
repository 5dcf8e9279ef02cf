/**
 * Rules for whole groups of requests. Only hello is answered before the daemon has
 * opened what is pinned. A request that opens something is refused while the
 * daemon drains. A request that changes what the daemon remembers is never
 * answered while a successor may have read the state already. (The handler sees to
 * it that the change is on the disk before the answer: it knows what it has
 * changed.)
 */
import type { MethodName } from "../../shared/contract/methods.ts";
import { REMEMBERED } from "../../shared/contract/remembered.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { ChangeGate } from "./change-gate.ts";
import type { ClientHandle, Handlers } from "./session.ts";

/** What the guard needs. */
export interface GuardOptions {
  /** Resolves when pins have been opened. */
  readonly ready: Promise<void>;
  readonly isDraining: () => boolean;
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

function guard(name: MethodName, handle: AnyHandler, { ready, isDraining, gate }: GuardOptions): AnyHandler {
  const perform: AnyHandler = (client, params) => {
    // The client's leases have been given up already: no new lease may be left behind.
    if (client.isGone) throw new TunnelError("DAEMON_UNREACHABLE", message("the client has gone"));
    if (OPENING.has(name) && isDraining()) {
      throw new TunnelError("DAEMON_UNREACHABLE", message("the daemon is ending and opens nothing new: try again when its last connection has ended"));
    }
    return handle(client, params);
  };
  return async (client, params) => {
    await ready;
    if (!REMEMBERED.has(name)) return await perform(client, params);
    return await gate.pass(async () => await perform(client, params));
  };
}
