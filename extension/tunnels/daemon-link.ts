/**
 * The window's connection to the daemon: found or started when it is first needed,
 * kept, and come back to after the daemon has died or been replaced. Keeps the
 * newest status of every tunnel. Knows nothing of VS Code.
 *
 *     off ──attach (a daemon runs)──► connected ◄──► lost
 *      └────request (starts one)──────────┘
 */
import type { ClientState, DaemonClient } from "../../daemon/client/daemon-client.ts";
import type { MethodName, NotificationName, NotificationParams, Params, Result } from "../../shared/contract/methods.ts";
import type { DaemonStatus, TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { Emitter } from "../emitter.ts";
import { refKey, type TunnelRef } from "../model/tunnel-item.ts";

/** Makes the client; `start`: whether it may start a daemon. */
export type CreateClient = (options: { readonly start: boolean; readonly onState: (state: ClientState) => void }) => Promise<DaemonClient>;

/** What the link is given. */
export interface DaemonLinkOptions {
  readonly createClient: CreateClient;
  /** Whether a daemon seems to run; a look, no connection. */
  readonly mayRun: () => Promise<boolean>;
  /**
   * Told of each connection before the link asks anything of the daemon: supplies keys that only this window has. After
   * a reconnection the client has re-stated by then what is wanted, and what needs such a key waits for it so long. Must
   * not reject, and must not ask through the link.
   */
  readonly onHello?: (client: DaemonClient) => Promise<void>;
}

/** Where the connection stands. */
export type LinkState =
  | { readonly at: "off" }
  | { readonly at: "connected"; readonly daemon: DaemonStatus }
  | { readonly at: "lost"; readonly error: TunnelError | undefined };

interface Wants {
  readonly configPath: string;
  readonly names: readonly string[];
}

/** See the file's header. Owns its client: `dispose`. */
export class DaemonLink {
  readonly #options: DaemonLinkOptions;
  readonly #statuses = new Map<string, TunnelStatus>();
  readonly #wants = new Map<string, Wants>();
  /** What a new client was told at once, before whoever waited for it could. */
  readonly #stated = new Map<string, Wants>();
  readonly #listeners = new Set<{ readonly name: NotificationName; readonly listener: (params: never) => void; off?: () => void }>();
  readonly #changed = new Emitter<void>();
  readonly #stateChanged = new Emitter<LinkState>();
  readonly #ended = new Emitter<void>();
  #client: { readonly client: DaemonClient; readonly start: boolean } | undefined;
  /** The client that listeners hear: also while it connects for the first time. */
  #heard: DaemonClient | undefined;
  #connecting: Promise<DaemonClient> | undefined;
  #state: LinkState = { at: "off" };
  #statsIntervalMs: number | undefined;
  #disposed = false;
  /** Counts how often the connection was lost or came back: what began before is stale. */
  #turns = 0;

  constructor(options: DaemonLinkOptions) {
    this.#options = options;
  }

  /** A status came, changed or went. */
  readonly onDidChange = this.#changed.event;
  readonly onDidChangeState = this.#stateChanged.event;
  /** The daemon was told to end it all: nothing is wanted any more, of any window. */
  readonly onDidEnd = this.#ended.event;

  get state(): LinkState {
    return this.#state;
  }

  /** What the daemon said last of a tunnel. */
  statusOf(ref: TunnelRef): TunnelStatus | undefined {
    return this.#statuses.get(refKey(ref));
  }

  /** All that the daemon knows, of other windows too. */
  get statuses(): readonly TunnelStatus[] {
    return [...this.#statuses.values()];
  }

  /** Connects if a daemon runs; never starts one. False: none does. */
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
   * Asks the daemon, which is started if none runs.
   * @throws TunnelError with the daemon's code, or DAEMON_UNREACHABLE
   */
  async request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    return await (await this.#connected({ start: true })).request(name, params);
  }

  /**
   * States what this window wants for a scope, now and after every reconnection.
   * @throws TunnelError as `request`
   */
  async want(scope: string, wants: Wants): Promise<void> {
    const before = this.#wants.get(scope);
    // Nothing was wanted and nothing is: no reason to start a daemon.
    if (wants.names.length === 0 && !before?.names.length) return;
    this.#wants.set(scope, wants);
    const client = await this.#toldOf(wants);
    if (!client) return;
    // Who asked later may have got through sooner: always the newest is stated.
    const newest = this.#wants.get(scope) ?? wants;
    if (this.#stated.get(scope) === newest) return;
    const { tunnels } = await client.want(scope, newest);
    this.#take(tunnels);
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

  /** While somebody looks: counters at this rate; undefined ends it. Never rejects. */
  async watchStats(intervalMs: number | undefined): Promise<void> {
    if (this.#statsIntervalMs === intervalMs) return;
    this.#statsIntervalMs = intervalMs;
    await this.#restateStats();
  }

  /** Lets go of the daemon, for example to have it replaced; the next request connects again. */
  disconnect(): void {
    const client = this.#client?.client;
    this.#client = undefined;
    if (this.#heard === client) this.#heard = undefined;
    client?.close();
    this.#statuses.clear();
    this.#setState({ at: "off" });
    this.#changed.fire();
  }

  dispose(): void {
    this.#disposed = true;
    this.#client?.client.close();
    this.#client = undefined;
    this.#heard = undefined;
    this.#changed.dispose();
    this.#stateChanged.dispose();
    this.#ended.dispose();
  }

  /** The client to tell what is wanted; undefined: nothing is, and there is no daemon that would have to know. */
  async #toldOf({ names }: Wants): Promise<DaemonClient | undefined> {
    if (names.length > 0) return await this.#connected({ start: true, lasting: true });
    try {
      return await this.#connected({ start: false });
    } catch (error) {
      if (error instanceof TunnelError && error.code === "DAEMON_UNREACHABLE" && !this.#disposed) return undefined;
      throw error;
    }
  }

  /** `start`: a daemon may be started now; `lasting`: also later, whenever it dies, which is a matter of the client. */
  async #connected({ start, lasting = false }: { readonly start: boolean; readonly lasting?: boolean }): Promise<DaemonClient> {
    if (this.#disposed) throw new TunnelError("DAEMON_UNREACHABLE", "this window is closing");
    while (this.#connecting) await this.#connecting.catch(() => {});
    const known = this.#client;
    if (known && (known.start || !start || (!lasting && this.#state.at === "connected"))) return known.client;
    this.#connecting = this.#connect(start).finally(() => {
      this.#connecting = undefined;
    });
    return await this.#connecting;
  }

  async #connect(start: boolean): Promise<DaemonClient> {
    const current = (): boolean => this.#client?.client === client;
    let last: ClientState | undefined;
    let isReady = false;
    let arrivals = 0;
    const onState = (state: ClientState): void => {
      last = state;
      if (state.at === "connected") arrivals += 1;
      if (isReady && current()) this.#onClientState(state);
    };
    // It may fail by itself (no program, no Node): then the one that there is stays.
    const client: DaemonClient = await this.#options.createClient({ start, onState });
    const before = this.#client?.client;
    before?.close();
    this.#client = undefined;
    this.#hear(client);
    await client.connect().catch((error: unknown) => {
      client.close();
      if (this.#heard === client) this.#heard = undefined;
      if (before && error instanceof TunnelError) this.#lose(error);
      throw error;
    });
    if (this.#disposed) {
      client.close();
      throw new TunnelError("DAEMON_UNREACHABLE", "this window is closing");
    }
    this.#client = { client, start };
    const arrival = arrivals;
    this.#stated.clear();
    // Keys first: with them what waits for a key can open.
    await this.#options.onHello?.(client);
    // The client itself states these again from now on.
    for (const [scope, wants] of this.#wants) if (wants.names.length > 0) await this.#restate(client, scope, wants);
    if (!current()) throw new TunnelError("DAEMON_UNREACHABLE", "the connection was given up: try again");
    isReady = true;
    // It may have been lost again meanwhile, and have come back: to a daemon that has no keys yet.
    if (last && (last.at === "lost" || arrivals !== arrival)) this.#onClientState(last);
    else if (client.daemon) await this.#onConnected(client, client.daemon);
    return client;
  }

  /** A file that is refused is told to who wants it, not to who happened to connect. */
  async #restate(client: DaemonClient, scope: string, wants: Wants): Promise<void> {
    try {
      await client.want(scope, wants);
      this.#stated.set(scope, wants);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
    }
  }

  /** All that the daemon says goes to the listeners, from the first moment on. */
  #hear(client: DaemonClient): void {
    this.#heard = client;
    for (const entry of this.#listeners) entry.off = client.on(entry.name, entry.listener as (params: unknown) => void);
    client.on("tunnel/changed", (status) => this.#take([status]));
    client.on("stats/sample", ({ tunnels }) => this.#take(tunnels));
    client.on("tunnel/removed", ({ id }) => this.#remove(id));
  }

  #onClientState(state: ClientState): void {
    this.#turns += 1;
    switch (state.at) {
      case "connected":
        void this.#onBack(state.daemon);
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
    this.#wants.clear();
    this.#ended.fire();
    this.disconnect();
  }

  async #onBack(daemon: DaemonStatus): Promise<void> {
    const client = this.#client?.client;
    const turn = this.#turns;
    if (!client) return;
    await this.#options.onHello?.(client);
    if (this.#client?.client === client && this.#turns === turn) await this.#onConnected(client, daemon);
  }

  async #onConnected(client: DaemonClient, daemon: DaemonStatus): Promise<void> {
    this.#setState({ at: "connected", daemon });
    try {
      const { tunnels } = await client.request("tunnels/list", {});
      if (this.#client?.client !== client) return;
      this.#statuses.clear();
      this.#take(tunnels);
      await this.#restateStats();
    } catch (error) {
      // Lost again meanwhile: it comes back, and then we do.
      if (!(error instanceof TunnelError)) throw error;
    }
  }

  async #restateStats(): Promise<void> {
    const client = this.#client?.client;
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
