/**
 * The native wire's sessions of this process: client tunnels that reach the same
 * far side with the same key have one between them.
 */
import { formatAddress } from "../../shared/address.ts";
import { NativeWay } from "../proxy/native-way.ts";
import type { TunnelPlan } from "./plan.ts";

/** A tunnel's part in a way. Give it back: `retire` or `close`; each of them counts once. */
export interface WayShare {
  readonly way: NativeWay;
  /** Opens nothing more on it; resolves at once while others use it, else when its last stream is over. */
  retire(): Promise<void>;
  /** Ends it now, unless others use it. */
  close(): void;
}

interface Shared {
  readonly way: NativeWay;
  users: number;
}

/** See the file's header. */
export class NativeWays {
  readonly #ways = new Map<string, Shared>();

  /** A share of the way of `plan`, whose role is client. */
  take(plan: TunnelPlan): WayShare {
    const id = idOf(plan);
    const shared = (id !== undefined && this.#ways.get(id)) || { way: new NativeWay(), users: 0 };
    shared.users += 1;
    if (id !== undefined) this.#ways.set(id, shared);
    let isTaken = true;
    const giveBack = (): boolean => {
      if (isTaken) shared.users -= 1;
      isTaken = false;
      if (shared.users > 0) return false;
      if (id !== undefined && this.#ways.get(id) === shared) this.#ways.delete(id);
      return true;
    };
    return {
      way: shared.way,
      retire: async () => {
        if (giveBack()) await shared.way.retire();
      },
      close: () => {
        if (giveBack()) shared.way.close();
      },
    };
  }
}

/** The same for plans whose connections may go over one session; undefined: nothing is known of its key. */
function idOf({ target, bind, keepAlive, keepsMs, fingerprints }: TunnelPlan): string | undefined {
  const [fingerprint] = fingerprints ?? [];
  if (fingerprint === undefined) return undefined;
  return JSON.stringify([formatAddress(target), bind && formatAddress(bind), keepAlive, keepsMs, fingerprint]);
}
