/**
 * How many connections may be on their way. Two policies:
 *
 * - `wait`, spiped's -n: at the limit no further connection is served until one
 *   ends; newcomers wait, nothing is dropped. Node can't stop accepting on an open
 *   listener, so newcomers wait here, unserved, instead of in the kernel's backlog.
 * - `refuse`: at the limit newcomers are turned away at once (LIMIT_REACHED). On
 *   a server role only authenticated connections count towards the limit.
 *   Handshakes have a budget of their own; when it is used up, one of them ends
 *   (handshakes.ts says which), so that silent strangers can't keep a friend out.
 */

import type { Role } from "../protocol/wire.ts";
import type { Connection } from "./connection.ts";
import type { Route } from "./route.ts";

/** What to do at the limit. */
export type LimitPolicy = "wait" | "refuse";

/** Our choice: newcomers that may wait; the next one is turned away. Each costs a file descriptor. */
export const MAX_WAITING = 1_024;

/** The design's handshake budget: four times the connection limit, at least this. */
const MIN_HANDSHAKES = 256;

/** Handshakes that may be under way beside `maxConnections` authenticated connections. */
export function handshakeBudget(maxConnections: number): number {
  return Math.max(MIN_HANDSHAKES, 4 * maxConnections);
}

/** `maxConnections` of all routes of a listener together. */
export function limitOf(routes: readonly Pick<Route, "maxConnections">[]): number {
  return routes.reduce((sum, { maxConnections }) => sum + maxConnections, 0);
}

/** Whether a newcomer can be served now, when `open` connections of any phase are there. */
export function hasRoom(now: { readonly role: Role; readonly policy: LimitPolicy; readonly open: number; readonly limit: number }): boolean {
  return (now.policy === "refuse" && now.role === "server") || now.open < now.limit;
}

/** Server role: whether the route's `maxConnections` has room for a connection that has just proved a key. */
export function isWithinLimit(connection: Connection, among: { readonly route: Route; readonly connections: Iterable<Connection> }): boolean {
  const { route, connections } = among;
  if (route.maxConnections === Number.POSITIVE_INFINITY) return true;
  let authenticated = 0;
  for (const other of connections) {
    if (other !== connection && other.route && limitOwnerOf(other.route) === limitOwnerOf(route) && other.phase !== "refusing") authenticated += 1;
  }
  return authenticated < route.maxConnections;
}

function limitOwnerOf({ limitOwner, stats }: Route): object {
  return limitOwner ?? stats;
}

/** Newcomers in the order they came, bounded. `T` is the type of a newcomer. */
export class WaitingRoom<T> {
  readonly #waiting = new Set<T>();

  get size(): number {
    return this.#waiting.size;
  }

  get isFull(): boolean {
    return this.#waiting.size >= MAX_WAITING;
  }

  /** Lets a newcomer wait; false when there is no room. */
  enter(newcomer: T): boolean {
    if (this.isFull) return false;
    this.#waiting.add(newcomer);
    return true;
  }

  /** Takes out the newcomer that has waited longest, of those for which `holds` is true. */
  take(holds: (waiting: T) => boolean = () => true): T | undefined {
    for (const one of this.#waiting) {
      if (!holds(one)) continue;
      this.#waiting.delete(one);
      return one;
    }
    return undefined;
  }

  /** A newcomer gives up. */
  leave(newcomer: T): void {
    this.#waiting.delete(newcomer);
  }
}
