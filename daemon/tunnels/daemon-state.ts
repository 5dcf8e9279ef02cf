/**
 * What the daemon remembers between its lives: pins, approvals, ports picked
 * once, tunnels the user closed, unix sockets it made. No secret is in it. Kept
 * in one small file; unknown fields survive.
 */
import * as z from "zod";

const ref = z.object({ configPath: z.string(), name: z.string() });

/** The state file. */
export const daemonStateSchema = z.looseObject({
  version: z.literal(1).default(1),
  pins: z.array(ref.extend({ digest: z.string().optional() })).default([]),
  approvals: z.array(ref.extend({ digest: z.string(), atMs: z.number() })).default([]),
  /** Ports picked for `listen` port 0, by tunnel. */
  ports: z.array(ref.extend({ port: z.int() })).default([]),
  closed: z.array(ref).default([]),
  sockets: z.array(z.string()).default([]),
});

/** See {@link daemonStateSchema}. */
export type DaemonState = z.output<typeof daemonStateSchema>;

/** Names a tunnel: an entry of a file. */
export interface TunnelRef {
  readonly configPath: string;
  readonly name: string;
}

/** The state, read once and written through. */
export interface StateStore {
  readonly state: DaemonState;
  /** Changes the state and writes it; a failure to write is logged and the daemon goes on. */
  update(change: (state: DaemonState) => void): void;
  /** Resolves when what was changed so far is on the disk, or could not be written. */
  saved?(): Promise<unknown>;
}

/** A map key for a tunnel. */
export function refKey(ref: TunnelRef): string {
  return `${ref.configPath}\0${ref.name}`;
}

/** Whether both name the same tunnel. */
export function sameRef(a: TunnelRef, b: TunnelRef): boolean {
  return a.configPath === b.configPath && a.name === b.name;
}
