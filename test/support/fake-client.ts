/** A daemon client without a daemon: it gives the answers that a test sets, remembers requests, and loses and regains its connection on command. */
import type { DaemonClient, WantedNames } from "../../daemon/client/daemon-client.ts";
import { type CreateClient, DaemonLink, type DaemonLinkOptions } from "../../extension/tunnels/daemon-link.ts";
import type { MethodName, NotificationName, NotificationParams, Params, Result } from "../../shared/contract/methods.ts";
import { type DaemonStatus, daemonSchema } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { PAYLOADS } from "./rpc/payloads.ts";

export const DAEMON: DaemonStatus = daemonSchema.parse(PAYLOADS.requests.hello.result);

/** A request as it was made. */
export interface Asked {
  readonly name: MethodName;
  readonly params: unknown;
}

type Answer<M extends MethodName> = (params: Params<M>) => Result<M> | Promise<Result<M>>;

/** The daemon that all clients of a test share. */
export class FakeDaemon {
  readonly asked: Asked[] = [];
  readonly clients: FakeClient[] = [];
  /** Decides whether and when `connect` works. */
  connecting: () => Promise<void> = () => Promise.resolve();
  mayRun = true;
  readonly #answers = new Map<string, (params: never) => unknown>();

  constructor() {
    this.answer("tunnels/set", () => ({ tunnels: [], problems: [] }));
    this.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [] }));
    this.answer("approvals/list", () => ({ pending: [], approved: [], problems: [] }));
    this.answer("approvals/grant", () => ({ granted: true }));
    this.answer("tunnel/close", () => ({ closed: true, othersUsing: [] }));
    for (const name of ["stats/subscribe", "stats/unsubscribe"] as const) this.answer(name, () => ({}));
  }

  /** Answers requests of this name from now on. */
  answer<M extends MethodName>(name: M, answer: Answer<M>): void {
    this.#answers.set(name, answer);
  }

  /** Refuses requests of this name from now on. */
  refuse(name: MethodName, error: TunnelError): void {
    this.#answers.set(name, () => Promise.reject(error));
  }

  async ask(name: MethodName, params: unknown): Promise<unknown> {
    this.asked.push({ name, params });
    const answer = this.#answers.get(name);
    if (!answer) throw new TunnelError("CONFIG_INVALID", `the test has no answer to ${name}`);
    return await answer(params as never);
  }

  /** Parameters of all requests of this name. */
  paramsOf<M extends MethodName>(name: M): Params<M>[] {
    return this.asked.filter((asked) => asked.name === name).map(({ params }) => params as Params<M>);
  }

  get names(): MethodName[] {
    return this.asked.map(({ name }) => name);
  }

  /** The client that was made last. */
  get client(): FakeClient {
    const client = this.clients.at(-1);
    if (!client) throw new RangeError("no client was made");
    return client;
  }

  readonly create: CreateClient = async (options) => {
    const client = new FakeClient(this, options);
    this.clients.push(client);
    return client as unknown as DaemonClient;
  };

  /** A link to this daemon. */
  link(more: Partial<DaemonLinkOptions> = {}): DaemonLink {
    return new DaemonLink({ createClient: this.create, mayRun: () => Promise.resolve(this.mayRun), ...more });
  }
}

/** See the file's header. */
export class FakeClient {
  readonly start: boolean;
  closed = false;
  daemon: DaemonStatus | undefined;
  readonly #server: FakeDaemon;
  readonly #options: Parameters<CreateClient>[0];
  readonly #listeners = new Set<{ readonly name: string; readonly listener: (params: never) => void }>();
  readonly #restated = new Map<WantedNames, Result<"tunnels/set">>();
  /** Counts arrivals and losses: an arrival stops its work when a later one has begun. */
  #turn = 0;

  constructor(server: FakeDaemon, options: Parameters<CreateClient>[0]) {
    this.#server = server;
    this.start = options.start;
    this.#options = options;
  }

  async connect(): Promise<DaemonStatus> {
    await this.#server.connecting();
    await this.#arrive();
    return DAEMON;
  }

  on<N extends NotificationName>(name: N, listener: (params: NotificationParams<N>) => void): () => void {
    const entry = { name, listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    if (this.closed) throw new TunnelError("DAEMON_UNREACHABLE", "this client has been closed");
    return (await this.#server.ask(name, params)) as Result<M>;
  }

  async want(scope: string, wants: WantedNames): Promise<Result<"tunnels/set">> {
    this.#options.wanted.set(scope, wants);
    return this.#restated.get(wants) ?? (await this.request("tunnels/set", { scope, configPath: wants.configPath, names: [...wants.names] }));
  }

  close(): void {
    this.closed = true;
    this.#options.onState({ at: "closed" });
  }

  /** Delivers a notification; a closed client gets none. */
  notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    if (this.closed) return;
    for (const entry of [...this.#listeners]) if (entry.name === name) entry.listener(params as never);
  }

  lose(error?: TunnelError, { ended = false }: { readonly ended?: boolean } = {}): void {
    this.#turn += 1;
    if (ended) this.#options.wanted.clear();
    this.#options.onState({ at: "lost", error, ...(ended && { ended }) });
  }

  comeBack(): void {
    void this.#arrive();
  }

  /** In the order of the real client: first `onHello`, then the wants, then the new state is reported. */
  async #arrive(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.daemon = DAEMON;
    if (this.#options.onHello) await this.#options.onHello(this);
    this.#restated.clear();
    for (const [scope, wants] of this.#options.wanted) {
      const { configPath, names } = wants;
      if (turn !== this.#turn) continue;
      try {
        this.#restated.set(wants, await this.request("tunnels/set", { scope, configPath, names: [...names] }));
      } catch (error) {
        if (!(error instanceof TunnelError) || error.code === "DAEMON_UNREACHABLE") throw error;
      }
    }
    if (turn === this.#turn) this.#options.onState({ at: "connected", daemon: DAEMON });
  }
}
