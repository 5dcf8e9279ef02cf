/**
 * A route: who may come in (keys) and where they go (target). A client-role
 * listener has one; a server-role listener may have several, told apart by the
 * key that the other end proves at S4.
 */
import type { TunnelError } from "../../shared/errors.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { RouteStats } from "./stats.ts";
import type { ResolvedAddress, Target } from "./target.ts";

/** One way through a listener. */
export interface Route {
  readonly name: string;
  /** A client offers the first; a server accepts any of them. Not empty. */
  readonly keys: readonly SharedKey[];
  /** Names of the keys, in their order, for counting their use; fingerprints, as a rule. */
  readonly keyNames?: readonly string[] | undefined;
  readonly target: Target;
  /** Outgoing address for the target. */
  readonly bind?: ResolvedAddress | undefined;
  /** Most connections at once; Infinity for no limit. */
  readonly maxConnections: number;
  /** Whose limit that is: the same for every route that an entry ever had, so that a change of it forgets no connection. Default: the counters. */
  readonly entry?: object | undefined;
  /** Looks at the first bytes that the backend says on a connection: the error, when it turns us away with them. What services say is not known here. */
  readonly refusalIn?: ((firstBytes: Uint8Array) => TunnelError | undefined) | undefined;
  readonly stats: RouteStats;
}
