/**
 * The window's connection to the daemon. The daemon is found or started when it is
 * first needed. The connection is kept, and restored after the daemon has died or
 * been replaced. Keeps the newest status of every tunnel. Does not use VS Code.
 *
 *     off ──attach (a daemon runs)──► connected ◄──► lost
 *      └────request (starts one)──────────┘
 */
import type { ClientState, DaemonClient, DaemonClientOptions, WantedNames } from "../../daemon/client/daemon-client.ts";
import type { MethodName, NotificationName, NotificationParams, Params, Result } from "../../shared/contract/methods.ts";
import type { DaemonStatus, TunnelStatus } from "../../shared/contract/state.ts";
import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { Emitter } from "../emitter.ts";

/** Makes a client; `start`: whether it may start a daemon. Rejects when there is no program to start. */
export type CreateClient = (
  options: Required<Pick<DaemonClientOptions, "start" | "wanted" | "onState">> & Pick<DaemonClientOptions, "onHello">,
) => Promise<DaemonClient>;

/** What the link is made from. */
export interface DaemonLinkOptions extends Pick<DaemonClientOptions, "onHello"> {
  readonly createClient: CreateClient;
  /** Whether a daemon seems to run; does not connect. */
  readonly mayRun: () => Promise<boolean>;
}

/** The state of the connection. */
export type LinkState =
  | { readonly at: "off" }
  | { readonly at: "connected"; readonly daemon: DaemonStatus }
  | { readonly at: "lost"; readonly error: TunnelError | undefined };

/** See the file's header. Owns its client: `dispose`. */
export class DaemonLink {
  readonly #options: DaemonLinkOptions;
  readonly #statuses = new Map<string, TunnelStatus>();
  /** The tunnels that this window wants, by scope: clients state them at each connection. */
  readonly #wanted = new Map<string, WantedNames>();
  readonly #listeners = new Set<{ readonly name: NotificationName; readonly listener: (params: never) => void; off?: () => void }>();
  readonly #changed = new Emitter<void>();
  readonly #stateChanged = new Emitter<LinkState>();
  readonly #ended = new Emitter<void>();
  #client: { readonly client: DaemonClient; readonly start: boolean } | undefined;
  /** The client whose notifications go to the listeners, also while it connects for the first time. */
  #heard: DaemonClient | undefined;
  #connecting: Promise<DaemonClient> | undefined;
  #state: LinkState = { at: "off" };
  #statsIntervalMs: number | undefined;
  #disposed = false;
  /** The request for the statuses on a new connection. */
  #listing: Promise<void> | undefined;

  constructor(options: DaemonLinkOptions) {
    this.#options = options;
  }

  /** A status was added, changed or removed. */
  readonly onDidChange = this.#changed.event;
  readonly onDidChangeState = this.#stateChanged.event;
  /** The daemon was told to end everything: no window wants any tunnel now. */
  readonly onDidEnd = this.#ended.event;

  get state(): LinkState {
    return this.#state;
  }

  /** The daemon's last status of a tunnel. */
  statusOf(ref: TunnelRef): TunnelStatus | undefined {
    return this.#statuses.get(refKey(ref));
  }

  /** All tunnels that the daemon knows, including those of other windows. */
  get statuses(): readonly TunnelStatus[] {
    return [...this.#statuses.values()];
  }

  /** Connects if a daemon runs; never starts one. False: no daemon runs. */
  async attach(): Promise<boolean> {
    if (this.#client && this.#state.at === "connected") return true;
    if (!(await this.#options.mayRun())) return false;
    try {
      await this.#connected({ start: false });
      return true;
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return false;
    }
  }

  /**
   * Asks the daemon; starts one if none runs.
   * @throws TunnelError with the daemon's code, or DAEMON_UNREACHABLE
   */
  async request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    return await (await this.#connected({ start: true })).request(name, params);
  }

  /**
   * States what this window wants for a scope, now and after every reconnection.
   * @throws TunnelError as `request`
   */
  async want(scope: string, wants: WantedNames): Promise<void> {
    // Nothing was wanted before and nothing is wanted now: no reason to start a daemon.
    if (wants.names.length === 0 && !this.#wanted.get(scope)?.names.length) return;
    this.#wanted.set(scope, wants);
    const client = await this.#toldOf(wants);
    // A later call may have reached the daemon first: every call states the newest wants.
    const answer = await client?.want(scope, this.#wanted.get(scope) ?? wants);
    // A scope without wanted tunnels need not be stated to another daemon.
    if (wants.names.length === 0 && this.#wanted.get(scope) === wants) this.#wanted.delete(scope);
    if (answer) this.#take(answer.tunnels);
  }

  /** Listens for a notification, across reconnections. */
  on<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): { dispose(): void } {
    const entry = { name, listener } as { name: NotificationName; listener: (params: never) => void; off?: () => void };
    this.#listeners.add(entry);
    if (this.#heard) entry.off = this.#heard.on(name, listener);
    return {
      dispose: () => {
        entry.off?.();
        this.#listeners.delete(entry);
      },
    };
  }

  /** Subscribes to counters at this rate, while somebody looks at them; undefined unsubscribes. Never rejects. */
  async watchStats(intervalMs: number | undefined): Promise<void> {
    if (this.#statsIntervalMs === intervalMs) return;
    this.#statsIntervalMs = intervalMs;
    await this.#restateStats();
  }

  /** Closes the connection, for example to have the daemon replaced; the next request connects again. */
  disconnect(): void {
    this.#letGo();
    this.#statuses.clear();
    this.#setState({ at: "off" });
    this.#changed.fire();
  }

  dispose(): void {
    this.#disposed = true;
    this.#letGo();
    this.#changed.dispose();
    this.#stateChanged.dispose();
    this.#ended.dispose();
  }

  /** The client to tell what is wanted; undefined: nothing is wanted, and no daemon runs that must be told. */
  async #toldOf({ names }: WantedNames): Promise<DaemonClient | undefined> {
    if (names.length > 0) return await this.#connected({ start: true, lasting: true });
    try {
      return await this.#connected({ start: false });
    } catch (error) {
      if (error instanceof TunnelError && error.code === "DAEMON_UNREACHABLE" && !this.#disposed) return undefined;
      throw error;
    }
  }

  /** `start`: a daemon may be started now; `lasting`: the client must also restart a daemon that dies later. */
  async #connected({ start, lasting = false }: { readonly start: boolean; readonly lasting?: boolean }): Promise<DaemonClient> {
    if (this.#disposed) throw new TunnelError("DAEMON_UNREACHABLE", message("this window is closing"));
    while (this.#connecting) await this.#connecting.catch(() => {});
    const known = this.#client;
    if (known && (known.start || !start || (!lasting && this.#state.at === "connected"))) return known.client;
    this.#connecting = this.#connect(start).finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #connect(start: boolean): Promise<DaemonClient> {
    const { createClient, onHello } = this.#options;
    const onState = (state: ClientState): void => this.#onClientState(client, state);
    // Making a client may fail (no program, no Node): then the existing client stays.
    const client: DaemonClient = await createClient({ start, wanted: this.#wanted, onState, ...(onHello && { onHello }) });
    const before = this.#client?.client;
    before?.close();
    this.#client = undefined;
    this.#hear(client);
    try {
      await client.connect();
    } catch (error) {
      client.close();
      if (this.#heard === client) this.#heard = undefined;
      if (before && error instanceof TunnelError) this.#lose(error);
      throw error;
    }
    if (this.#heard !== client) {
      client.close();
      throw new TunnelError("DAEMON_UNREACHABLE", this.#disposed ? message("this window is closing") : message("the connection was given up: try again"));
    }
    this.#client = { client, start };
    await this.#listing;
    return client;
  }

  #letGo(): void {
    this.#client = undefined;
    const heard = this.#heard;
    this.#heard = undefined;
    heard?.close();
  }

  /** Passes all notifications of the client to the listeners, from the first moment on. */
  #hear(client: DaemonClient): void {
    this.#heard = client;
    for (const entry of this.#listeners) entry.off = client.on(entry.name, entry.listener as (params: unknown) => void);
    client.on("tunnel/changed", (status) => this.#take([status]));
    client.on("stats/sample", ({ tunnels }) => this.#take(tunnels));
    client.on("tunnel/removed", ({ id }) => this.#remove(id));
  }

  #onClientState(client: DaemonClient, state: ClientState): void {
    if (this.#heard !== client) return;
    switch (state.at) {
      case "connected":
        this.#listing = this.#onConnected(client, state.daemon);
        return;
      case "lost":
        if (state.ended) this.#end();
        else this.#lose(state.error);
        return;
      case "closed":
        return;
    }
  }

  #lose(error: TunnelError | undefined): void {
    this.#statuses.clear();
    this.#setState({ at: "lost", error });
    this.#changed.fire();
  }

  #end(): void {
    this.#wanted.clear();
    this.#ended.fire();
    this.disconnect();
  }

  async #onConnected(client: DaemonClient, daemon: DaemonStatus): Promise<void> {
    this.#setState({ at: "connected", daemon });
    try {
      const { tunnels } = await client.request("tunnels/list", {});
      if (this.#heard !== client) return;
      this.#statuses.clear();
      this.#take(tunnels);
      await this.#restateStats();
    } catch (error) {
      // The connection was lost again meanwhile: the client reconnects, and then we ask again.
      if (!(error instanceof TunnelError)) throw error;
    }
  }

  async #restateStats(): Promise<void> {
    const client = this.#heard;
    if (!client || this.#state.at !== "connected") return;
    const intervalMs = this.#statsIntervalMs;
    const asked = intervalMs === undefined ? client.request("stats/unsubscribe", {}) : client.request("stats/subscribe", { intervalMs });
    await asked.catch(() => {});
  }

  #take(tunnels: readonly TunnelStatus[]): void {
    for (const status of tunnels) this.#statuses.set(refKey(status), status);
    this.#changed.fire();
  }

  #remove(id: string): void {
    for (const [key, status] of this.#statuses) if (status.id === id) this.#statuses.delete(key);
    this.#changed.fire();
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.#stateChanged.fire(state);
  }
}
