/**
 * What the state file remembers about where tunnels listen: ports picked once for
 * `listen` port 0, and the unix sockets we made, the only ones we may remove.
 */

import { sameRef, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { TunnelError } from "../../shared/errors.ts";
import type { ResolvedAddress } from "../proxy/target.ts";
import type { StateStore } from "./daemon-state.ts";

/** A node of a cluster, `10.0.0.5:7000`, and its port on this machine. */
export interface RememberedNode {
  readonly node: string;
  readonly port: number;
}

/** See the file's header. */
export class ListenMemory {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** The address to bind: with the port that was picked for this tunnel before, if any port will do. */
  resolve(ref: TunnelRef, listen: ResolvedAddress): ResolvedAddress {
    if (listen.kind === "unix" || listen.port !== 0) return listen;
    const port = this.#portOf(ref);
    return port === undefined ? listen : { ...listen, port };
  }

  /** Remembers that a tunnel for which any port would do listens at `got`; resolves to the reason if that is not on the disk. */
  keepPort(ref: TunnelRef, got: ResolvedAddress): Promise<TunnelError | undefined> {
    if (got.kind === "unix" || got.port === 0) return Promise.resolve(undefined);
    const { configPath, name } = ref;
    return this.#store.update((state) =>
      state.ports.some((known) => sameRef(known, ref)) ? state : { ...state, ports: [...state.ports, { configPath, name, port: got.port }] },
    );
  }

  /** The nodes of the cluster behind a tunnel. */
  nodesOf(ref: TunnelRef): readonly RememberedNode[] {
    return this.#store.state.nodePorts.filter((known) => sameRef(known, ref));
  }

  /** Remembers these nodes, and no others, for a tunnel. */
  keepNodes({ configPath, name }: TunnelRef, nodes: readonly RememberedNode[]): void {
    void this.#store.update((state) => ({
      ...state,
      nodePorts: [...state.nodePorts.filter((known) => !sameRef(known, { configPath, name })), ...nodes.map((node) => ({ configPath, name, ...node }))],
    }));
  }

  isOwnSocket(path: string): boolean {
    return this.#store.state.sockets.includes(path);
  }

  /** Remembers that we made the socket at `listen`, if it is a socket; resolves to the reason if that is not on the disk. */
  madeSocket(listen: ResolvedAddress): Promise<TunnelError | undefined> {
    if (listen.kind !== "unix") return Promise.resolve(undefined);
    const { path } = listen;
    return this.#store.update((state) => (state.sockets.includes(path) ? state : { ...state, sockets: [...state.sockets, path] }));
  }

  /** Our socket is gone: whatever appears at its path from now on is somebody else's. */
  removedSocket(listen: ResolvedAddress): void {
    if (listen.kind !== "unix") return;
    void this.#store.update((state) =>
      state.sockets.includes(listen.path) ? { ...state, sockets: state.sockets.filter((path) => path !== listen.path) } : state,
    );
  }

  #portOf(ref: TunnelRef): number | undefined {
    return this.#store.state.ports.find((known) => sameRef(known, ref))?.port;
  }
}
