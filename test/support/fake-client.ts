/** A daemon's client without a daemon: answers as told, remembers what was asked, is lost and comes back on command. */
import type { ClientState, DaemonClient } from "../../daemon/client/daemon-client.ts";
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

/** What all clients of a test have in common: the daemon, as it were. */
export class FakeDaemon {
  readonly asked: Asked[] = [];
  readonly clients: FakeClient[] = [];
  /** Whether `connect` works; a promise is waited for. */
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

  /** From now on. */
  answer<M extends MethodName>(name: M, answer: Answer<M>): void {
    this.#answers.set(name, answer);
  }

  /** Refuses from now on. */
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

  readonly create: CreateClient = async ({ start, onState }) => {
    const client = new FakeClient(this, { start, onState });
    this.clients.push(client);
    return client as unknown as DaemonClient;
  };

  /** A link to it. */
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
  readonly #onState: (state: ClientState) => void;
  readonly #listeners = new Set<{ readonly name: string; readonly listener: (params: never) => void }>();

  constructor(server: FakeDaemon, { start, onState }: { readonly start: boolean; readonly onState: (state: ClientState) => void }) {
    this.#server = server;
    this.start = start;
    this.#onState = onState;
  }

  async connect(): Promise<DaemonStatus> {
    await this.#server.connecting();
    this.comeBack();
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

  async want(scope: string, { configPath, names }: { readonly configPath: string; readonly names: readonly string[] }): Promise<Result<"tunnels/set">> {
    return await this.request("tunnels/set", { scope, configPath, names: [...names] });
  }

  close(): void {
    this.closed = true;
    this.#onState({ at: "closed" });
  }

  /** The daemon says something; a closed client hears nothing. */
  notify<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    if (this.closed) return;
    for (const entry of [...this.#listeners]) if (entry.name === name) entry.listener(params as never);
  }

  lose(error?: TunnelError, { ended = false }: { readonly ended?: boolean } = {}): void {
    this.#onState({ at: "lost", error, ...(ended && { ended }) });
  }

  comeBack(): void {
    this.daemon = DAEMON;
    this.#onState({ at: "connected", daemon: DAEMON });
  }
}
