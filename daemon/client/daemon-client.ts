/**
 * The daemon client that VS Code windows and commands use. It finds the daemon
 * or starts it and says hello. With `stay` it reconnects after the daemon has
 * died or been replaced, and states again which tunnels it wants.
 *
 *     idle ──► connecting ──► connected ──► (lost) ──► connecting …
 *                  └──────────────┴──► closed
 */
import { setTimeout as delay } from "node:timers/promises";
import type { MethodName, NotificationName, NotificationParams, Params, Result } from "../../shared/contract/methods.ts";
import { REMEMBERED } from "../../shared/contract/remembered.ts";
import type { DaemonStatus } from "../../shared/contract/state.ts";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { Backoff, jittered, withinTime } from "../../shared/time.ts";
import { proveAsClient } from "../lifecycle/door/challenged-socket.ts";
import { type Discovery, findDaemon, readDiscovery } from "../lifecycle/door/discovery.ts";
import type { ChallengeParts } from "../lifecycle/door/pipe-challenge.ts";
import { type DaemonPaths, type Place, prepareFolders } from "../lifecycle/paths.ts";
import { isNewer } from "./compare-versions.ts";
import { type Prove, RpcClient } from "./rpc-client.ts";
import { startDaemon } from "./start-daemon.ts";

/** Our choice: the wait between attempts to reconnect; doubled up to the second figure, with up to a quarter of jitter. */
const BACKOFF_MS = { first: 50, most: 10_000 };
/** Our choice: after a shutdown, how soon we notice that somebody has started a new daemon. */
const LOOK_MS = 1_000;
/** Our choice: how many times we look for a daemon, as the one we found may end (idle, replaced, killed) before hello or during a piece of work. */
const ATTEMPTS = 3;
/** Our choice: a daemon answers hello at once, whatever else it does, even on a busy machine. */
const HELLO_TIMEOUT_MS = 10_000;
/** The cause of a failed hello that a retry would not fix. */
const HANGS = Symbol("hangs");

/** How a client works. */
export interface DaemonClientOptions {
  readonly paths: DaemonPaths;
  readonly place: Place;
  readonly execPath: string;
  /** Absolute path of the tunneld.cjs to start, and to upgrade an older daemon with. */
  readonly program: string;
  /** More options for a daemon that this client starts. */
  readonly daemonArgs?: readonly string[];
  readonly kind: "vscode" | "cli" | "exec";
  /** For people: the workspace, the command. */
  readonly name: string;
  /** Whether to start a daemon when there is none. */
  readonly start: boolean;
  /** Whether to reconnect when the connection is lost. */
  readonly stay: boolean;
  /** Default: {@link HELLO_TIMEOUT_MS}. */
  readonly helloTimeoutMs?: number;
  /** Whether an older daemon is to be replaced by `program`; left out: yes. */
  readonly upgrade?: boolean;
  readonly wallMs: () => number;
  /** Waits between attempts to reconnect, or until the signal; default: by a timer. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /**
   * Which tunnels are wanted, by scope. A client that replaces another one gets the same map, so that it states the same
   * wants again. Default: a map of its own.
   */
  readonly wanted?: Map<string, WantedNames>;
  /**
   * Called with each new connection before the wants are stated. It sends what the daemon needs first, such as keys that
   * only this process has. Must not reject.
   */
  readonly onHello?: (daemon: Requester) => Promise<void>;
  /** Primitives for the challenge on Windows' pipe; called only on Windows. */
  readonly challenge?: () => Promise<Omit<ChallengeParts, "secret">>;
  /** Called when connected, lost and connected again; `error` says why it can't reconnect yet. Must not throw. */
  readonly onState?: (state: ClientState) => void;
}

/** The state of the connection. */
export type ClientState =
  | { readonly at: "connected"; readonly daemon: DaemonStatus }
  /** `ended`: the daemon was told to end all tunnels, so no tunnels are wanted any more and the client does not reconnect. */
  | { readonly at: "lost"; readonly error: TunnelError | undefined; readonly ended?: boolean }
  | { readonly at: "closed" };

/** The tunnels that a scope wants: entries of a file. */
export interface WantedNames {
  readonly configPath: string;
  readonly names: readonly string[];
}

/** What sends requests to the daemon. */
export interface Requester {
  /** @throws TunnelError with the daemon's code, or DAEMON_UNREACHABLE */
  request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>>;
}

/** See the file's header. Owns its connection: `close` it. */
export class DaemonClient implements Requester {
  readonly #options: DaemonClientOptions;
  readonly #wanted: Map<string, WantedNames>;
  /** The wants that were stated when this connection began, and their results. */
  readonly #restated = new Map<WantedNames, Result<"tunnels/set">>();
  readonly #listeners = new Set<{ readonly name: NotificationName; readonly listener: (params: never) => void }>();
  #rpc: RpcClient | undefined;
  #connecting: Promise<RpcClient> | undefined;
  readonly #closing = new AbortController();
  #daemon: DaemonStatus | undefined;
  /** The daemon's reason for ending; undefined: it gave none. A daemon that ends on purpose is not started again until a request needs it. */
  #closingReason: NotificationParams<"daemon/closing">["reason"] | undefined;

  constructor(options: DaemonClientOptions) {
    this.#options = options;
    this.#wanted = options.wanted ?? new Map();
    this.on("daemon/closing", ({ reason }) => {
      this.#closingReason = reason;
    });
  }

  /** The daemon's status from hello; undefined before the first hello. */
  get daemon(): DaemonStatus | undefined {
    return this.#daemon;
  }

  /**
   * Connects, starting a daemon if need be and allowed.
   * @throws TunnelError DAEMON_UNREACHABLE
   */
  async connect(): Promise<DaemonStatus> {
    await this.#connected();
    return this.#daemon as DaemonStatus;
  }

  /** Listens for a notification, across reconnections, until the result is called. Listeners must not throw. */
  on<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): () => void {
    const entry = { name, listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /**
   * Sends a request. If the daemon refused or did not answer a change because it handed over, the request goes to its successor once.
   * @throws TunnelError with the daemon's code, or DAEMON_UNREACHABLE
   */
  async request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    const rpc = await this.#connected();
    try {
      return await rpc.request(name, params);
    } catch (error) {
      const handedOver = this.#closingReason === "replaced" && error instanceof TunnelError && error.code === "DAEMON_UNREACHABLE";
      if (!handedOver || !REMEMBERED.has(name) || this.#isClosed) throw error;
    }
    rpc.close();
    await rpc.closed;
    return await (await this.#connected()).request(name, params);
  }

  /**
   * Does `work`, and does it again from its beginning when the daemon was killed meanwhile. The work must have the same
   * effect when it is done twice. A daemon that ends on purpose ends the work.
   * @throws what `work` throws
   */
  async repeated<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const rpc = await this.#connected();
      try {
        return await work();
      } catch (error) {
        if (!this.#mayPass(error, attempt) || !rpc.isEnding) throw error;
        await rpc.closed;
        if (this.#hasEndedOnPurpose) throw error;
      }
    }
  }

  /** States what is wanted for a scope, now and after every reconnection. */
  async want(scope: string, wants: WantedNames): Promise<Result<"tunnels/set">> {
    this.#wanted.set(scope, wants);
    await this.#connected();
    const restated = this.#restated.get(wants);
    if (restated) return restated;
    return await this.request("tunnels/set", { scope, configPath: wants.configPath, names: [...wants.names] });
  }

  /** Ends the connection; leases end with it. */
  close(): void {
    if (this.#isClosed) return;
    this.#closing.abort();
    this.#rpc?.close();
    this.#options.onState?.({ at: "closed" });
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** A daemon that was replaced has a successor. */
  get #hasEndedOnPurpose(): boolean {
    return this.#closingReason !== undefined && this.#closingReason !== "replaced";
  }

  #connected(): Promise<RpcClient> {
    if (this.#rpc) return Promise.resolve(this.#rpc);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<RpcClient> {
    if (this.#isClosed) throw closedError();
    const rpc = await this.#informed();
    this.#rpc = rpc;
    void rpc.closed.then(() => this.#onLost(rpc));
    this.#options.onState?.({ at: "connected", daemon: this.#daemon as DaemonStatus });
    return rpc;
  }

  /** A connection whose daemon has the keys and knows the wants; a daemon that dies meanwhile is looked for again, as one that dies before hello. */
  async #informed(): Promise<RpcClient> {
    for (let attempt = 1; ; attempt++) {
      const rpc = await this.#upToDate(await this.#hello());
      // Of the daemon before; this one may give a reason of its own from here on.
      this.#closingReason = undefined;
      try {
        await this.#options.onHello?.(rpc);
        await this.#restate(rpc);
        if (this.#isClosed) throw closedError();
        return rpc;
      } catch (error) {
        rpc.close();
        if (!this.#mayPass(error, attempt) || this.#hasEndedOnPurpose) throw error;
      }
    }
  }

  /** An older daemon hands its listeners to our program; open connections stay with the older daemon. */
  async #upToDate(rpc: RpcClient): Promise<RpcClient> {
    const daemon = this.#daemon as DaemonStatus;
    if (this.#options.upgrade === false || daemon.draining || !isNewer(VERSION, daemon.version)) return rpc;
    try {
      await rpc.request("daemon/replace", { program: this.#options.program });
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      // Another client has replaced it already, or it can't be replaced: it speaks our protocol and goes on.
    }
    rpc.close();
    return await this.#hello();
  }

  /** The daemon may refuse one scope's wants (its file is gone); the other scopes still get theirs. */
  async #restate(rpc: RpcClient): Promise<void> {
    this.#restated.clear();
    for (const [scope, wants] of this.#wanted) {
      const { configPath, names } = wants;
      try {
        this.#restated.set(wants, await rpc.request("tunnels/set", { scope, configPath, names: [...names] }));
      } catch (error) {
        if (!(error instanceof TunnelError) || error.code === "DAEMON_UNREACHABLE") throw error;
      }
    }
  }

  async #hello(): Promise<RpcClient> {
    for (let attempt = 1; ; attempt++) {
      const socket = await this.#find();
      try {
        return await this.#helloAt(socket);
      } catch (error) {
        if (!this.#mayPass(error, attempt)) throw error;
      }
    }
  }

  /** Whether the daemon has gone, and looking for another one may help. */
  #mayPass(error: unknown, attempt: number): boolean {
    const isGone = error instanceof TunnelError && error.code === "DAEMON_UNREACHABLE" && error.cause !== HANGS;
    return isGone && attempt < ATTEMPTS && !this.#isClosed;
  }

  /** The socket of a running daemon, or of a newly started one. */
  async #find(): Promise<string> {
    const { paths, place } = this.#options;
    prepareFolders(paths, place);
    const found = await findDaemon([paths.door, ...paths.otherDoors], place.uid);
    if (found) return found.socket;
    if (!this.#options.start) throw new TunnelError("DAEMON_UNREACHABLE", message("no daemon is running"), { hint: ': "tunneld up" starts one' });
    return await startDaemon({ ...this.#options, args: this.#options.daemonArgs ?? [] });
  }

  async #helloAt(socket: string): Promise<RpcClient> {
    const { kind, name } = this.#options;
    const rpc = await RpcClient.connect(socket, await this.#proof(socket));
    rpc.listen((notification, params) => {
      if (this.#isClosed) return;
      for (const { name: wanted, listener } of [...this.#listeners]) if (wanted === notification) listener(params as never);
    });
    try {
      const hello = rpc.request("hello", { protocol: PROTOCOL_VERSION, client: { kind, name, pid: process.pid, version: VERSION } });
      const timeoutMs = this.#options.helloTimeoutMs ?? HELLO_TIMEOUT_MS;
      this.#daemon = await withinTime(hello, { timeoutMs, late: () => this.#hangs(socket) });
      return rpc;
    } catch (error) {
      rpc.close();
      throw error;
    }
  }

  #hangs(socket: string): TunnelError {
    const pid = this.#discoveryOf(socket)?.pid;
    const what =
      pid === undefined
        ? message("the daemon at {0} does not answer: end that process, then try again", socket)
        : message("the daemon (process {0}) does not answer: end that process, then try again", pid);
    return new TunnelError("DAEMON_UNREACHABLE", what, { cause: HANGS });
  }

  /** The discovery file of the daemon at a socket. */
  #discoveryOf(socket: string): Discovery | undefined {
    const { paths, place } = this.#options;
    const reads = [paths.door, ...paths.otherDoors].map(({ discoveryFile }) => readDiscovery(discoveryFile, place.uid));
    return reads.flatMap((read) => (read.kind === "found" ? [read.discovery] : [])).find((discovery) => discovery.socket === socket);
  }

  /** The proof needed at a socket before any message: on Windows, both ends prove that they know the discovery file's secret. */
  async #proof(socket: string): Promise<Prove | undefined> {
    const { place, challenge } = this.#options;
    if (place.platform !== "win32") return undefined;
    const secret = this.#discoveryOf(socket)?.secret;
    const parts = await challenge?.();
    if (secret === undefined || parts === undefined)
      throw new TunnelError("DAEMON_UNREACHABLE", message("the daemon at {0} can't be checked: start it again", socket));
    return (stream) => proveAsClient(stream, { ...parts, secret: Buffer.from(secret, "hex") });
  }

  #onLost(rpc: RpcClient): void {
    if (this.#rpc !== rpc) return;
    this.#rpc = undefined;
    if (this.#isClosed) return;
    const ended = this.#closingReason === "drain";
    if (ended) this.#wanted.clear();
    this.#options.onState?.({ at: "lost", error: undefined, ...(ended && { ended }) });
    if (!this.#options.stay) return;
    if (!this.#hasEndedOnPurpose) void this.#comeBack();
    // A restart from another window: this client's wants go to the next daemon.
    else if (this.#closingReason === "shutdown") void this.#followNext();
  }

  /** Starts no daemon: reconnects when somebody else has started one. */
  async #followNext(): Promise<void> {
    const { paths, place } = this.#options;
    while (!this.#isClosed && !this.#rpc) {
      await this.#wait(LOOK_MS);
      if (this.#isClosed || this.#rpc || !(await findDaemon([paths.door, ...paths.otherDoors], place.uid))) continue;
      await this.#comeBack();
    }
  }

  async #comeBack(): Promise<void> {
    const backoff = new Backoff(BACKOFF_MS);
    while (!this.#isClosed) {
      try {
        await this.#connected();
        return;
      } catch (error) {
        if (!(error instanceof TunnelError)) throw error;
        if (this.#isClosed) return;
        this.#options.onState?.({ at: "lost", error });
      }
      await this.#wait(jittered(backoff.next(), Math.random()));
    }
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#closing;
    await (this.#options.wait?.(ms, signal) ?? delay(ms, undefined, { signal }).catch(() => {}));
  }
}

function closedError(): TunnelError {
  return new TunnelError("DAEMON_UNREACHABLE", message("this client has been closed"));
}
