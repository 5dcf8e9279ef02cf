/**
 * What the state file remembers of where tunnels listen: ports picked once for
 * `listen` port 0, and the unix sockets we made, the only ones we may remove.
 */
import type { ResolvedAddress } from "../proxy/target.ts";
import { type StateStore, sameRef, type TunnelRef } from "./daemon-state.ts";

/** See the file's header. */
export class ListenMemory {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** The address to bind: with the port that was picked for this tunnel before, if any is free to choose. */
  resolve(ref: TunnelRef, listen: ResolvedAddress): ResolvedAddress {
    if (listen.kind === "unix" || listen.port !== 0) return listen;
    const port = this.#portOf(ref);
    return port === undefined ? listen : { ...listen, port };
  }

  /** A tunnel whose port was free to choose listens at `got`. */
  keepPort(ref: TunnelRef, got: ResolvedAddress): void {
    if (got.kind === "unix" || got.port === 0 || this.#portOf(ref) !== undefined) return;
    this.#store.update((state) => void state.ports.push({ configPath: ref.configPath, name: ref.name, port: got.port }));
  }

  isOwnSocket(path: string): boolean {
    return this.#store.state.sockets.includes(path);
  }

  /** We have made the socket at `listen`, if it is one. */
  madeSocket(listen: ResolvedAddress): void {
    if (listen.kind === "unix" && !this.isOwnSocket(listen.path)) this.#store.update((state) => void state.sockets.push(listen.path));
  }

  /** It is gone again: what appears at its path from now on is somebody else's. */
  removedSocket(listen: ResolvedAddress): void {
    if (listen.kind !== "unix" || !this.isOwnSocket(listen.path)) return;
    this.#store.update((state) => {
      state.sockets = state.sockets.filter((path) => path !== listen.path);
    });
  }

  #portOf(ref: TunnelRef): number | undefined {
    return this.#store.state.ports.find((known) => sameRef(known, ref))?.port;
  }
}
