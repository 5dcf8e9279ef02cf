/**
 * The client of the daemon that VS Code windows and commands use: finds the
 * daemon or starts it, says hello, and, where it is told to stay, comes back
 * after the daemon has died or been replaced and states again what it wants.
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
import { proveAsClient } from "../lifecycle/door/challenged-socket.ts";
import { type Discovery, findDaemon, readDiscovery } from "../lifecycle/door/discovery.ts";
import type { ChallengeParts } from "../lifecycle/door/pipe-challenge.ts";
import { type DaemonPaths, type Place, prepareFolders } from "../lifecycle/paths.ts";
import { isNewer } from "./compare-versions.ts";
import { type Prove, RpcClient } from "./rpc-client.ts";
import { startDaemon } from "./start-daemon.ts";

/** Our choice: between attempts to come back; doubled up to the second figure, with up to a quarter of jitter. */
const BACKOFF_MS = { first: 50, most: 10_000 };
/** Our choice: how soon a daemon is noticed that somebody has started after one was shut down. */
const LOOK_MS = 1_000;
/** Our choice: a daemon that ends (idle, replaced) between being found and being spoken to is looked for again this often. */
const HELLO_ATTEMPTS = 3;
/** Our choice: hello is answered at once, whatever else the daemon does; on a machine that is busy too. */
const HELLO_TIMEOUT_MS = 10_000;
/** The cause of a failed hello that trying again would not change. */
const HANGS = Symbol("hangs");

/** How a client works. */
export interface DaemonClientOptions {
  readonly paths: DaemonPaths;
  readonly place: Place;
  readonly execPath: string;
  /** Absolute path of the tunneld.cjs to start, and to upgrade an older daemon with. */
  readonly program: string;
  /** Further options for a daemon that is started. */
  readonly daemonArgs?: readonly string[];
  readonly kind: "vscode" | "cli" | "exec";
  /** For people: the workspace, the command. */
  readonly name: string;
  /** Whether to start a daemon when there is none. */
  readonly start: boolean;
  /** Whether to come back when the connection is lost. */
  readonly stay: boolean;
  /** Default: {@link HELLO_TIMEOUT_MS}. */
  readonly helloTimeoutMs?: number;
  /** Whether an older daemon is to be replaced by `program`; left out: yes. */
  readonly upgrade?: boolean;
  readonly wallMs: () => number;
  /** Primitives for the challenge on Windows' pipe; asked for only there. */
  readonly challenge?: () => Promise<Omit<ChallengeParts, "secret">>;
  /** Connected, lost, connected again; `error` says why it can't come back yet. Must not throw. */
  readonly onState?: (state: ClientState) => void;
}

/** Where the connection stands. */
export type ClientState =
  | { readonly at: "connected"; readonly daemon: DaemonStatus }
  /** `ended`: it was told to end it all, so nothing is wanted of it any more and nothing brings it back. */
  | { readonly at: "lost"; readonly error: TunnelError | undefined; readonly ended?: boolean }
  | { readonly at: "closed" };

interface Wants {
  readonly configPath: string;
  readonly names: readonly string[];
}

/** See the file's header. Owns its connection: `close` it. */
export class DaemonClient {
  readonly #options: DaemonClientOptions;
  readonly #wants = new Map<string, Wants>();
  readonly #listeners = new Set<{ readonly name: NotificationName; readonly listener: (params: never) => void }>();
  #rpc: RpcClient | undefined;
  #connecting: Promise<RpcClient> | undefined;
  readonly #closing = new AbortController();
  #daemon: DaemonStatus | undefined;
  /** Why the daemon said that it ends; undefined: it did not. One that ends on purpose is not brought back until somebody asks for something. */
  #closingReason: NotificationParams<"daemon/closing">["reason"] | undefined;

  constructor(options: DaemonClientOptions) {
    this.#options = options;
    this.on("daemon/closing", ({ reason }) => {
      this.#closingReason = reason;
    });
  }

  /** What the daemon said of itself; undefined before the first hello. */
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
   * Asks the daemon; a change that a daemon refused or left open because it handed over is asked once more, of its successor.
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

  /** States what is wanted for a scope, now and after every reconnection. */
  async want(scope: string, wants: Wants): Promise<Result<"tunnels/set">> {
    this.#wants.set(scope, wants);
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

  #connected(): Promise<RpcClient> {
    if (this.#rpc) return Promise.resolve(this.#rpc);
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<RpcClient> {
    if (this.#isClosed) throw closedError();
    const rpc = await this.#upToDate(await this.#hello());
    try {
      await this.#restate(rpc);
      if (this.#isClosed) throw closedError();
    } catch (error) {
      rpc.close();
      throw error;
    }
    this.#closingReason = undefined;
    this.#rpc = rpc;
    void rpc.closed.then(() => this.#onLost(rpc));
    this.#options.onState?.({ at: "connected", daemon: this.#daemon as DaemonStatus });
    return rpc;
  }

  /** An older daemon hands its listeners to our program; connections that are open stay with it. */
  async #upToDate(rpc: RpcClient): Promise<RpcClient> {
    const daemon = this.#daemon as DaemonStatus;
    if (this.#options.upgrade === false || daemon.draining || !isNewer(VERSION, daemon.version)) return rpc;
    try {
      await rpc.request("daemon/replace", { program: this.#options.program });
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      // Another client had it replaced already, or it can't be: it speaks our protocol and goes on.
    }
    rpc.close();
    return await this.#hello();
  }

  /** What one scope wants may be refused (its file is gone): that is no reason to leave the others without. */
  async #restate(rpc: RpcClient): Promise<void> {
    for (const [scope, { configPath, names }] of this.#wants) {
      try {
        await rpc.request("tunnels/set", { scope, configPath, names: [...names] });
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
        const mayPass = error instanceof TunnelError && error.code === "DAEMON_UNREACHABLE" && error.cause !== HANGS;
        if (!mayPass || attempt === HELLO_ATTEMPTS || this.#isClosed) throw error;
      }
    }
  }

  /** The socket of a daemon that lives, or of one that is started. */
  async #find(): Promise<string> {
    const { paths, place } = this.#options;
    prepareFolders(paths, place);
    const found = await findDaemon([paths.endpoint, ...paths.otherEndpoints], place.uid);
    if (found) return found.socket;
    if (!this.#options.start) throw new TunnelError("DAEMON_UNREACHABLE", 'no daemon is running: "tunneld up" starts one');
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
      this.#daemon = await this.#inTime(hello, socket);
      return rpc;
    } catch (error) {
      rpc.close();
      throw error;
    }
  }

  async #inTime<T>(answer: Promise<T>, socket: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#hangs(socket)), this.#options.helloTimeoutMs ?? HELLO_TIMEOUT_MS);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #hangs(socket: string): TunnelError {
    const pid = this.#discoveryOf(socket)?.pid;
    const who = pid === undefined ? `the daemon at ${socket}` : `the daemon (process ${pid})`;
    return new TunnelError("DAEMON_UNREACHABLE", `${who} does not answer: end that process, then try again`, { cause: HANGS });
  }

  /** What the daemon at a socket says of itself on the disk. */
  #discoveryOf(socket: string): Discovery | undefined {
    const { paths, place } = this.#options;
    const reads = [paths.endpoint, ...paths.otherEndpoints].map(({ discoveryFile }) => readDiscovery(discoveryFile, place.uid));
    return reads.flatMap((read) => (read.kind === "found" ? [read.discovery] : [])).find((discovery) => discovery.socket === socket);
  }

  /** What to prove at a socket before anything is said: on Windows, that both ends know the discovery file's secret. */
  async #proof(socket: string): Promise<Prove | undefined> {
    const { place, challenge } = this.#options;
    if (place.platform !== "win32") return undefined;
    const secret = this.#discoveryOf(socket)?.secret;
    const parts = await challenge?.();
    if (secret === undefined || parts === undefined) throw new TunnelError("DAEMON_UNREACHABLE", `the daemon at ${socket} can't be checked: start it again`);
    return (stream) => proveAsClient(stream, { ...parts, secret: Buffer.from(secret, "hex") });
  }

  #onLost(rpc: RpcClient): void {
    if (this.#rpc !== rpc) return;
    this.#rpc = undefined;
    if (this.#isClosed) return;
    const ended = this.#closingReason === "drain";
    if (ended) this.#wants.clear();
    this.#options.onState?.({ at: "lost", error: undefined, ...(ended && { ended }) });
    if (!this.#options.stay) return;
    if (this.#closingReason === undefined || this.#closingReason === "replaced") void this.#comeBack();
    // A restart from another window: what this one wants goes on with the next daemon.
    else if (this.#closingReason === "shutdown") void this.#followNext();
  }

  /** Starts nothing: comes back when somebody else has started a daemon. */
  async #followNext(): Promise<void> {
    const { paths, place } = this.#options;
    while (!this.#isClosed && !this.#rpc) {
      await delay(LOOK_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
      if (this.#isClosed || this.#rpc || !(await findDaemon([paths.endpoint, ...paths.otherEndpoints], place.uid))) continue;
      await this.#comeBack();
    }
  }

  async #comeBack(): Promise<void> {
    for (let waitMs = BACKOFF_MS.first; !this.#isClosed; waitMs = Math.min(BACKOFF_MS.most, waitMs * 2)) {
      try {
        await this.#connected();
        return;
      } catch (error) {
        if (!(error instanceof TunnelError)) throw error;
        if (this.#isClosed) return;
        this.#options.onState?.({ at: "lost", error });
      }
      await delay(waitMs + Math.random() * (waitMs / 4), undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }
}

function closedError(): TunnelError {
  return new TunnelError("DAEMON_UNREACHABLE", "this client has been closed");
}
