/**
 * A running tunnel and the wants that share it: the same definition in two
 * workspaces is one tunnel.
 */
import type { Tunnel } from "./tunnel.ts";
import type { Want } from "./want.ts";

/** See the file's header. */
export interface SharedTunnel {
  readonly tunnel: Tunnel;
  /** Changes when the tunnel is reconfigured in place. */
  digest: string;
  readonly wants: Set<Want>;
}
