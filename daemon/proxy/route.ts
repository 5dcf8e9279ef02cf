/**
 * A route: who may come in (keys) and where they go (target). A client-role
 * listener has one; a server-role listener may have several, and the key that the
 * other end proves at S4 tells them apart.
 */
import type { TunnelError } from "../../shared/errors.ts";
import type { AskedTarget } from "../../shared/far-target.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { WireChoice } from "../protocol/negotiation.ts";
import type { Refuser } from "../services/refuser.ts";
import type { FarTargets } from "./far-targets.ts";
import type { NativeWay } from "./native-way.ts";
import type { NodePorts } from "./rewritten-side.ts";
import type { SecondLook } from "./second-look.ts";
import type { RouteStats } from "./stats.ts";
import type { ResolvedAddress, Target } from "./target.ts";

/** One way through a listener. */
export interface Route {
  readonly name: string;
  /** A client offers the first; a server accepts any of them. Not empty. */
  readonly keys: readonly SharedKey[];
  /** The fingerprints of `keys`, in the same order, for counting their use. */
  readonly fingerprints?: readonly string[] | undefined;
  readonly target: Target;
  /** Server role: what else clients of the native wire may ask for. */
  readonly others?: FarTargets | undefined;
  /** A copy for one stream that has asked for something else: what its backend says is no evidence about the entry's own. */
  readonly isOther?: boolean;
  /** Client role: which backend the far end is asked for; default: its entry's target. */
  readonly backend?: AskedTarget | undefined;
  /** Outgoing address for the target. */
  readonly bind?: ResolvedAddress | undefined;
  /** Most connections at once; Infinity for no limit. */
  readonly maxConnections: number;
  /** The owner of the limit: the same for all routes that an entry ever had, so that a changed entry forgets no connection. Default: the counters. */
  readonly limitOwner?: object | undefined;
  /** Looks at the backend's first bytes on a connection; returns the error if they refuse us. This file knows nothing of what services say. */
  readonly refusalIn?: ((firstBytes: Uint8Array) => TunnelError | undefined) | undefined;
  /** Client role: makes what tells a client, in its own protocol, that there is no connection for it; left out: it is closed. */
  readonly refuser?: (() => Refuser | undefined) | undefined;
  /** Client role: whether a client is told of this error; left out: of every one. */
  readonly tells?: ((error: TunnelError) => boolean) | undefined;
  /** Client role, Redis Cluster: where its nodes are on this machine; their addresses in replies are changed to that. */
  readonly nodePorts?: NodePorts | undefined;
  readonly stats: RouteStats;
  /** Which wires are spoken; default: spiped's alone. */
  readonly wire?: WireChoice | undefined;
  /** How long a session of the native wire waits for another connection, in milliseconds; default 0: not at all. */
  readonly keepsMs?: number | undefined;
  /** Client role, where `wire` is not spiped: the memory of this way, with its session. */
  readonly native?: NativeWay | undefined;
  /** Client role: the memory of looks at a far side that closed on the proof of the key; left out: there is no second look. */
  readonly secondLook?: SecondLook | undefined;
}

/** The route of a key, given the key's index among all keys of `routes`, and the key's index in that route. @throws RangeError */
export function routeOfKey(routes: readonly Route[], keyIndex: number): { readonly route: Route; readonly index: number } {
  let index = keyIndex;
  for (const route of routes) {
    if (index < route.keys.length) return { route, index };
    index -= route.keys.length;
  }
  throw new RangeError(`no route has key ${keyIndex}`);
}
