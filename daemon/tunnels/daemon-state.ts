/**
 * What the daemon remembers across restarts: pins, approvals, ports picked once,
 * tunnels the user closed, unix sockets it made. No secret is in it. Kept in one
 * small file; unknown fields survive.
 */
import * as z from "zod";
import { saidBy, TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";

const ref = z.object({ configPath: z.string(), name: z.string() });

/** The state file. */
export const daemonStateSchema = z.looseObject({
  version: z.literal(1).default(1),
  pins: z.array(ref.extend({ digest: z.string().optional() })).default([]),
  approvals: z.array(ref.extend({ digest: z.string(), atMs: z.number() })).default([]),
  /** Ports picked for `listen` port 0, by tunnel. */
  ports: z.array(ref.extend({ port: z.int() })).default([]),
  /** Ports picked for the nodes of a cluster behind a tunnel. */
  nodePorts: z.array(ref.extend({ node: z.string(), port: z.int() })).default([]),
  closed: z.array(ref).default([]),
  sockets: z.array(z.string()).default([]),
});

/** See {@link daemonStateSchema}. */
export type DaemonState = z.output<typeof daemonStateSchema>;

/** Returns the changed state, or the same object when there is nothing to change. Pure: it may run several times. */
export type StateChange = (state: DaemonState) => DaemonState;

/** undefined: the change is on the disk. Otherwise STATE_NOT_SAVED with the reason. */
type Outcome = TunnelError | undefined;

/**
 * The state, read once and written through. A change that gives something (a pin, an approval) is committed: it counts
 * once it is on the disk, or never. A change that takes something away (revoke, close) is an update: it counts at once,
 * and an update that can't be written holds until the daemon ends.
 */
export interface StateStore {
  readonly state: DaemonState;
  commit(change: StateChange): Promise<Outcome>;
  /** `isTaken`: what the change removes must not come back from the state's backup either. */
  update(change: StateChange, options?: { readonly isTaken?: boolean }): Promise<Outcome>;
}

/** The answer to a request whose change is not on the disk; `holds` says what is true now, as the beginning of a sentence. */
export function notSaved(holds: Message, why: TunnelError): TunnelError {
  return new TunnelError("STATE_NOT_SAVED", message("{0}: {1}", holds, saidBy(why)), { cause: why });
}
